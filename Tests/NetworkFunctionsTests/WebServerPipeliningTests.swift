import Testing

@testable import NetworkFunctions

/// Many requests at once, and the same bytes more than once.
@Suite struct WebServerPipeliningTests {
    let root = DocumentRoot()

    init() {
        root.write("a.txt", "0123456789")
        root.write("b.txt", "b")
        root.write("big.bin", DocumentRoot.pattern(100_000))
    }

    private func client(_ change: (inout WebServerConfiguration) -> Void = { _ in }) -> Client {
        var client = Client(root.server(change))
        client.server.clock.override = 784_111_777
        return client
    }

    private let get = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"

    private static let burst = (0..<1000).map { number in
        switch number % 5 {
        case 0: "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
        case 1: "HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
        case 2: "GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=\(number)-\(number * 2)\r\n\r\n"
        case 3: "POST /b.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
        default: "GET /b.txt?\(number) HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n"
        }
    }

    /// A thousand requests in pieces of any size give the same bytes as one by one.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aBurstInRandomPieces(seed: UInt64) {
        var reference = client()
        var expected: [UInt8] = []
        for request in Self.burst { expected += Array(reference.exchange(request).utf8.count > 0 ? [] : [0]) }
        expected = reference.output

        var generator = SeededGenerator(seed: seed)
        var client = client()
        let bytes = Array(Self.burst.joined().utf8)
        var sent = 0
        client.segmentByteCount = Int.random(in: 1...1448, using: &generator)
        while sent < bytes.count || UInt64(client.output.count) < client.promised {
            if sent < bytes.count, client.unread.count < 65_536, Bool.random(using: &generator) {
                let size = [1, 3, 100, 1448, 20_000].randomElement(using: &generator) ?? 1
                let count = min(Int.random(in: 1...size, using: &generator), bytes.count - sent)
                client.send(Array(bytes[sent..<sent + count]))
                sent += count
            } else {
                client.produce()
                if Bool.random(using: &generator) {
                    let some = UInt64.random(in: client.acknowledged...UInt64(client.output.count), using: &generator)
                    client.acknowledge(some)
                }
            }
            if sent == bytes.count {
                client.produce()
                client.acknowledge()
            }
        }
        let output = client.output
        #expect(output == expected, "seed \(seed)")
        let requests = client.server.counters.requests
        #expect(requests == 1000)
        let used = client.server.responses.usedCount
        let slots = client.server.headSlots.usedCount
        #expect(used == 0 && slots == 0)
    }

    @Test func aClientThatDoesNotAcknowledgeIsMadeToWait() {
        var client = client()
        client.send(Array(repeating: Array(get.utf8), count: 100).flatMap { $0 })
        let stalled = client.state.isStalled
        let count = client.state.responseCount
        #expect(stalled && Int(count) == WebServerConfiguration.pipelineDepth)
        let left = client.unread.count
        #expect(left == (100 - WebServerConfiguration.pipelineDepth) * get.utf8.count)
        while !client.unread.isEmpty || UInt64(client.output.count) < client.promised {
            client.produce()
            client.acknowledge()
        }
        let requests = client.server.counters.requests
        #expect(requests == 100)
    }

    @Test func requestsLeftWhenTheClientFinishesAreAnswered() {
        var client = client()
        client.send(Array(repeating: Array(get.utf8), count: 100).flatMap { $0 })
        client.finishSending()
        let early = client.finished
        #expect(!early)
        for _ in 0..<100 {
            client.produce()
            client.acknowledge()
        }
        let requests = client.server.counters.requests
        let finished = client.finished
        #expect(requests == 100 && finished)
    }

    /// Any unacknowledged range can be asked for again, in any size, and is the same.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func retransmissionsAreIdentical(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var client = client()
        client.send(
            "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nHEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
                + "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n"
                + "GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5-9999,20000-20001,-500\r\n\r\n"
                + "GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=77-9999\r\n\r\n"
                + "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx"
                + "GET /a.txt HTTP/1.0\r\n\r\n")
        client.produce()
        // Another second: a response keeps the date it was given.
        client.server.clock.override = 784_111_799
        for _ in 0..<2_000 {
            let count = Int.random(in: 1...1448, using: &generator)
            let offset = Int.random(in: Int(client.acknowledged)...client.output.count - count, using: &generator)
            let again = client.segment(at: UInt64(offset), count)
            let expected = Array(client.output[offset..<offset + count])
            if again != expected {
                Issue.record("seed \(seed): \(count) bytes at \(offset) differ")
                return
            }
            if Int.random(in: 0..<100, using: &generator) == 0, client.acknowledged < 80_000 {
                client.acknowledge(client.acknowledged + UInt64.random(in: 0...2_000, using: &generator))
            }
        }
    }
}
