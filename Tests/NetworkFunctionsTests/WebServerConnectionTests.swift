import Testing

@testable import NetworkFunctions

/// Persistence, bodies and limits.
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

    @Test(
        arguments: [
            ("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", nil),
            ("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"),
            ("GET /a.txt HTTP/1.0\r\n\r\n", "close"),
            ("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
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
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n"
                + String(repeating: "x", count: 1001), 413
        ),
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
}
