import Testing

@testable import NetworkFunctions

/// Timeouts, and how connections end.
@Suite struct WebServerClosingTests {
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

    @Test func emptyLinesBeginNoRequest() {
        var client = client { $0.headerTimeoutMilliseconds = 1000 }
        let response = client.exchange(get + "\r\n")
        #expect(response.content == "0123456789")
        client.wait(milliseconds: 5000)
        let promised = client.promised
        #expect(Int(promised) == response.utf8.count)
        let slots = client.server.headSlots.usedCount
        #expect(slots == 0)
        let second = client.exchange("\r\n\r\n" + get)
        #expect(second.content == "0123456789")
    }

    /// The refusal itself is not waited for without end.
    @Test func aRefusedClientThatTakesNothingIsReset() {
        var client = client {
            $0.headerTimeoutMilliseconds = 1000
            $0.idleTimeoutMilliseconds = 3000
        }
        client.send("GET /")
        client.wait(milliseconds: 1001)
        let finished = client.finished
        #expect(finished)
        client.send("more that is dropped")
        client.wait(milliseconds: 3001)
        let aborted = client.aborted
        #expect(aborted)
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
        for part in [
            "GET /a", get + get + "GET /", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", "GET /none?",
        ] {
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
