import Testing

@testable import NetworkFunctions

/// What happens on a connection: persistence, pipelining, bodies, timeouts, closing.
@Suite struct WebServerConnectionTests {
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

    @Test(arguments: [
        ("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", nil), ("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"),
        ("GET /a.txt HTTP/1.0\r\n\r\n", "close"), ("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
        ("HEAD /a.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive"),
        ("GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "close"), ("NO\r\n", "close"),
        ("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", nil), ("GET /a.txt HTTP/2.0\r\n", "close"),
    ] as [(String, String?)])
    func persists(_ request: String, _ field: String?) {
        var client = client()
        let response = client.exchange(request)
        #expect(response.field("Connection") == field)
        let finished = client.finished
        #expect(finished == (field == "close"))
        guard field != "close" else { return }
        let second = client.exchange(get)
        #expect(second.content == "0123456789")
    }

    @Test func closesAfterTheConfiguredNumberOfRequests() {
        var client = client { $0.keepAliveRequests = 3 }
        for number in 1...3 {
            let response = client.exchange(get)
            #expect(response.content == "0123456789")
            #expect(response.field("Connection") == (number == 3 ? "close" : nil))
        }
        let finished = client.finished
        #expect(finished)
    }

    // MARK: Pipelining

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

    // MARK: Bodies

    @Test(arguments: [
        ("Content-Length: 5\r\n", "hello", 405), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 405),
        ("Content-Length: 0\r\n", "", 405), ("Content-Length: 100\r\n", String(repeating: "x", count: 100), 405),
    ])
    func bodiesAreReadAndDropped(_ field: String, _ body: String, _ status: Int) {
        let request = "POST /a.txt HTTP/1.1\r\nHost: a\r\n\(field)\r\n\(body)"
        for size in [1, 2, 7, 1000] {
            var client = client()
            let bytes = Array((request + get).utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                client.send(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            client.produce()
            let output = String(decoding: client.output, as: UTF8.self)
            #expect(output.statusCode == status)
            #expect(output.hasSuffix("\r\n\r\n0123456789"))
            let finished = client.finished
            #expect(!finished)
        }
    }

    @Test func aGetWithABodyIsAnswered() {
        var client = client()
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        let promised = client.promised
        #expect(promised == 0)
        let response = client.exchange("abc")
        #expect(response.content == "0123456789")
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n" + String(repeating: "x", count: 1001), 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("POST / HTTP/1.0\r\n\r\n", 411), ("PUT / HTTP/1.0\r\nContent-Type: a/b\r\n\r\n", 411),
        ("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ])
    func refusesBodies(_ request: String, _ status: Int) {
        var client = client { $0.maximumBodyByteCount = 1000 }
        let response = client.exchange(request)
        #expect(response.statusCode == status)
        #expect(response.field("Connection") == "close")
        let finished = client.finished
        #expect(finished)
    }

    @Test func expectContinue() {
        var client = client()
        let head = "GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        let interim = client.exchange(head)
        #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
        let final = client.exchange("abc")
        #expect(final.content == "0123456789")
        // An error is said at once, and whether the body will come is not known.
        let refusal = client.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        #expect(refusal.statusCode == 405 && refusal.field("Connection") == "close")
        let finished = client.finished
        #expect(finished)
        client.connect()
        // No body, nothing to go ahead with; and HTTP/1.0 has no expectations.
        let empty = client.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
        #expect(empty.content == "0123456789")
        let old = client.exchange("GET /a.txt HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx")
        #expect(old.statusCode == 200)
    }

    @Test func limitsAreConfigurable() {
        var client = client {
            $0.maximumLineByteCount = 100
            $0.maximumHeaderByteCount = 300
            $0.maximumHeaderCount = 3
        }
        let long = client.exchange("GET /\(String(repeating: "a", count: 100)) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(long.statusCode == 414)
        client.connect()
        let many = client.exchange("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")
        #expect(many.statusCode == 431)
        client.connect()
        // In single bytes, and without ever ending a line.
        for byte in "GET / HTTP/1.1\r\nHost: a\r\nA: ".utf8 { client.send([byte]) }
        for _ in 0..<20_000 { client.send([0x61]) }
        client.produce()
        let endless = String(decoding: client.output, as: UTF8.self)
        #expect(endless.statusCode == 431)
    }

    // MARK: Time and closing

    @Test func aSlowHeadTimesOutFromItsFirstByte() {
        var client = client { $0.headerTimeoutMilliseconds = 1000 }
        client.wait(milliseconds: 5000)
        client.send("GET /a.txt HT")
        client.wait(milliseconds: 600)
        client.send("TP/1.1\r\nHost: ")
        client.wait(milliseconds: 399)
        let early = client.promised
        #expect(early == 0)
        client.wait(milliseconds: 2)
        client.produce()
        let response = String(decoding: client.output, as: UTF8.self)
        let finished = client.finished
        #expect(response.statusCode == 408 && finished)
        let slots = client.server.headSlots.usedCount
        #expect(slots == 0)
    }

    @Test func anIdleConnectionIsClosedSilently() {
        var client = client { $0.idleTimeoutMilliseconds = 1000 }
        for _ in 0..<5 {
            client.wait(milliseconds: 900)
            let response = client.exchange(get)
            #expect(response.statusCode == 200)
        }
        let count = client.promised
        client.wait(milliseconds: 1001)
        let finished = client.finished
        let after = client.promised
        #expect(finished && after == count)
    }

    @Test func aSlowBodyTimesOut() {
        var client = client { $0.bodyTimeoutMilliseconds = 1000 }
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        for _ in 0..<6 {
            client.wait(milliseconds: 200)
            client.send("x")
        }
        client.produce()
        let response = String(decoding: client.output, as: UTF8.self)
        #expect(response.statusCode == 408)
        let used = client.server.responses.usedCount
        #expect(used == 1)
    }

    @Test func aClientThatTakesNothingIsReset() {
        var client = client { $0.idleTimeoutMilliseconds = 1000 }
        client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        client.produce()
        for _ in 0..<5 {
            client.wait(milliseconds: 900)
            client.acknowledge(client.acknowledged + 1448)
        }
        let early = client.aborted
        #expect(!early)
        client.wait(milliseconds: 1100)
        let aborted = client.aborted
        let used = client.server.responses.usedCount
        #expect(aborted && used == 0)
    }

    /// After a refusal the rest of what the client sends is taken, so that a reset does not destroy the response; a
    /// client that never closes is reset in the end.
    @Test func lingersAfterARefusal() {
        var client = client()
        client.send("GET / HTTP/9.9\r\n" + String(repeating: "x", count: 5000))
        client.send(String(repeating: "y", count: 50_000))
        let unread = client.unread
        #expect(unread.isEmpty)
        client.produce()
        client.wait(milliseconds: 10_000)
        let early = client.aborted
        #expect(!early, "the response is not acknowledged yet")
        client.acknowledge()
        client.send("more")
        client.wait(milliseconds: 4_999)
        let waiting = client.aborted
        #expect(!waiting)
        client.wait(milliseconds: 2)
        let aborted = client.aborted
        #expect(aborted)
    }

    @Test func aClientThatFinishesGetsItsResponseAndThenOurFin() {
        var client = client()
        client.send(get)
        client.finishSending()
        client.produce()
        let response = String(decoding: client.output, as: UTF8.self)
        let finished = client.finished
        #expect(response.content == "0123456789" && finished)
        // In the middle of a head or a body there is nothing to say.
        for part in ["GET /a", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx"] {
            client.connect()
            client.send(part)
            client.finishSending()
            let promised = client.promised
            let ended = client.finished
            #expect(promised == 0 && ended)
            let slots = client.server.headSlots.usedCount
            #expect(slots == 0)
        }
    }

    @Test func everythingIsGivenBackWhenAConnectionCloses() {
        var client = client()
        for part in ["GET /a", get + get + "GET /", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", "GET /none?"] {
            client.connect()
            client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,5-6\r\n\r\n" + part)
            client.close()
            client.close()
        }
        let used = client.server.responses.usedCount
        let heads = client.server.headSlots.usedCount
        let parts = client.server.parts.usedCount
        let queries = client.server.querySlots.usedCount
        #expect(used == 0 && heads == 0 && parts == 0 && queries == 0)
    }
}
