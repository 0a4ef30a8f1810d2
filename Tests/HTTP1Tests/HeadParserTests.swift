import Testing

@testable import HTTP1

/// A parsed head as text, because a head's slices mean nothing without its bytes.
struct Parsed: Equatable {
    enum Kind: Equatable { case incomplete, complete, invalid(UInt16) }
    var kind: Kind
    var head = RequestHead()
    var bytes: [UInt8]

    init(_ bytes: [UInt8], limits: HeadLimits = HeadLimits()) {
        self.bytes = bytes
        switch unsafe HeadParser.parse(bytes.span.bytes, limits: limits, into: &head) {
        case .incomplete: kind = .incomplete
        case .complete: kind = .complete
        case .invalid(let status): kind = .invalid(status.rawValue)
        }
    }

    init(_ text: String, limits: HeadLimits = HeadLimits()) { self.init(Array(text.utf8), limits: limits) }

    func text(_ slice: ByteSlice) -> String? {
        slice.isPresent ? String(decoding: bytes[slice.range], as: UTF8.self) : nil
    }

    static func == (left: Parsed, right: Parsed) -> Bool { left.kind == right.kind }
}

@Suite struct HeadParserTests {
    /// Request, path, query, host.
    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", nil, "a"),
            ("GET /a/b.html?x=1&y HTTP/1.1\r\nhOsT:\t a.example:80 \t\r\n\r\n", "/a/b.html", "?x=1&y", "a.example:80"),
            ("HEAD /? HTTP/1.1\r\nHost:\r\n\r\n", "/", "?", ""),
            ("GET http://b.example/x?q HTTP/1.1\r\nHost: a\r\n\r\n", "/x", "?q", "b.example"),
            ("GET HTTPS://b.example HTTP/1.1\r\nHost: a\r\n\r\n", "", nil, "b.example"),
            ("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "", "?q", "b"),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", nil, nil, "a"),
            ("GET / HTTP/1.1\r\nHost: [fe80::1]:8080\r\n\r\n", "/", nil, "[fe80::1]:8080"),
            ("GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "/", nil, "10.0.0.1"),
            ("GET / HTTP/1.0\r\n\r\n", "/", nil, nil),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "/", nil, "a"),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "/", nil, "a"),
            ("GET /\u{E4}|[x]\\ HTTP/1.1\r\nHost: a\r\n\r\n", "/\u{E4}|[x]\\", nil, "a"),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", nil, nil, "a"),
        ] as [(String, String?, String?, String?)])
    func takesRequestsApart(_ request: String, _ path: String?, _ query: String?, _ host: String?) {
        let parsed = Parsed(request)
        #expect(parsed.kind == .complete)
        #expect(parsed.head.byteCount == request.utf8.count)
        #expect(parsed.text(parsed.head.path) == path)
        #expect(parsed.text(parsed.head.query) == query)
        #expect(parsed.text(parsed.head.host) == host)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nHEAD /a%20b?x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nX: \u{E4}\tb\r\n\r\n",
        "POST http://x/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ])
    func everyPrefixIsIncompleteAndTheRestIsLeft(_ request: String) {
        let bytes = Array(request.utf8)
        for count in 0..<bytes.count {
            #expect(Parsed(Array(bytes[..<count])).kind == .incomplete, "\(count) bytes")
        }
        let parsed = Parsed(bytes + Array("GET /next".utf8))
        #expect(parsed.kind == .complete)
        #expect(parsed.head.byteCount == bytes.count)
    }

    /// What must be refused, with which status.
    @Test(
        arguments: [
            // Request line.
            (" GET / HTTP/1.1\r\n", 400), ("GET  / HTTP/1.1\r\n", 400), ("GET /  HTTP/1.1\r\n", 400),
            ("GET / HTTP/1.1 \r\n", 400), ("GET /\r\n", 400), ("GET / http/1.1\r\n", 400), ("GET / HTTP/1.1\n", 400),
            ("GET / HTTP/11\r\n", 400), ("GET / HTTP/1.10\r\n", 400), ("GET\t/ HTTP/1.1\r\n", 400),
            ("GET / HTTP/1.1\r\r\n", 400), ("G(T / HTTP/1.1\r\n", 400), ("GET /a#b HTTP/1.1\r\n", 400),
            ("GET /\u{7F} HTTP/1.1\r\n", 400), ("GET a HTTP/1.1\r\n", 400), ("GET * HTTP/1.1\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\n", 400), ("GET http:/// HTTP/1.1\r\n", 400),
            ("GET http://u@a/ HTTP/1.1\r\n", 400),
            ("\u{16}\u{3}\u{1}", 400), ("\n", 400), ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("GET / HTTP/0.9\r\n", 505), ("GET / HTTP/3.0\r\n", 505),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 501),
            // Field lines.
            ("GET / HTTP/1.1\r\nHost : a\r\n", 400), ("GET / HTTP/1.1\r\n Host: a\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n", 400), ("GET / HTTP/1.1\r\n: a\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n", 400), ("GET / HTTP/1.1\r\nX: a\rb\r\n", 400),
            ("GET / HTTP/1.1\r\nX: a\u{0}b\r\n", 400), ("GET / HTTP/1.1\r\nX: long enough a\u{7F}b\r\n", 400),
            ("GET / HTTP/1.1\r\nX\u{0}: a\r\n", 400), ("GET / HTTP/1.1\r\nX\u{E4}: a\r\n", 400),
            ("GET / HTTP/1.1\r\nX\r\n", 400),
            // Host.
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a b\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n", 400), ("GET / HTTP/1.1\r\nHost: a:b\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n", 400), ("GET / HTTP/1.1\r\nHost: [::1\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: []\r\n", 400), ("GET / HTTP/1.1\r\nHost: a, b\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: %4\r\n", 400), ("GET http://a/ HTTP/1.1\r\n\r\n", 400),
        ] as [(String, UInt16)])
    func refuses(_ request: String, _ status: UInt16) {
        #expect(Parsed(request).kind == .invalid(status))
    }

    /// Vectors of request smuggling: two parsers must never see two lengths (RFC 9112 §6.3, §11.2).
    @Test(
        arguments: [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", 400), ("Content-Length: 5, 6\r\n", 400),
            ("Content-Length: +5\r\n", 400), ("Content-Length: -5\r\n", 400), ("Content-Length: 5 5\r\n", 400),
            ("Content-Length: 0x5\r\n", 400), ("Content-Length:\r\n", 400), ("Content-Length: ,\r\n", 400),
            ("Content-Length: 18446744073709551616\r\n", 400), ("Content-Length: 5\u{B}\r\n", 400),
            ("Content-Length: \"5\"\r\n", 400), ("Content-Length : 5\r\n", 400),
            ("Transfer-Encoding: xchunked\r\n", 400), ("Transfer-Encoding: chunked, identity\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", 400), ("Transfer-Encoding:\r\n", 400),
            ("Transfer-Encoding: \u{B}chunked\r\n", 400), ("Transfer-Encoding : chunked\r\n", 400),
            ("Transfer-Encoding\u{0}: chunked\r\n", 400), ("Transfer-Encoding: \"chunked\"\r\n", 400),
            ("X: y\rTransfer-Encoding: chunked\r\n", 400), ("X: y\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding:\r\n chunked\r\n", 400), ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
        ] as [(String, UInt16)])
    func refusesAmbiguousFraming(_ fields: String, _ status: UInt16) {
        #expect(Parsed("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n").kind == .invalid(status))
    }

    @Test func refusesTransferEncodingInHTTP10() {
        #expect(Parsed("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").kind == .invalid(400))
    }

    @Test func readsFraming() {
        let counted = Parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 , 5\r\nContent-Length: 5\r\n\r\n")
        #expect(counted.kind == .complete)
        #expect(counted.head.contentLength == 5 && counted.head.hasBody)
        let chunked = Parsed("POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-encoding: , Chunked\r\n\r\n")
        #expect(chunked.kind == .complete)
        #expect(chunked.head.flags.contains(.chunked) && chunked.head.hasBody)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
    ])
    func decidesPersistence(_ request: String, _ isPersistent: Bool) {
        #expect(Parsed(request).head.isPersistent == isPersistent)
    }

    @Test func readsExpectations() {
        let known = Parsed("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").head.flags
        #expect(known.contains(.expectsContinue) && !known.contains(.expectsUnknown))
        let unknown = Parsed("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, tea\r\n\r\n").head.flags
        #expect(unknown.contains(.expectsUnknown))
    }

    // MARK: Limits

    private static let limits = HeadLimits(lineByteCount: 64, fieldCount: 4, fieldsByteCount: 128)

    /// A head at each limit is taken, one byte or line more is not, and neither waits for its end to be refused.
    @Test func holdsLimits() {
        let target = "/" + String(repeating: "a", count: 63)
        #expect(Parsed("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", limits: Self.limits).kind == .complete)
        #expect(Parsed("GET \(target)a", limits: Self.limits).kind == .invalid(414))
        #expect(Parsed("GET \(target)a HTTP/1.1\r\n", limits: Self.limits).kind == .invalid(414))

        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        let line = "X: " + String(repeating: "b", count: 61)
        #expect(Parsed("\(start)\(line)\r\n\r\n", limits: Self.limits).kind == .complete)
        #expect(Parsed("\(start)\(line)b\r\n\r\n", limits: Self.limits).kind == .invalid(431))
        #expect(Parsed("\(start)\(line)bbb", limits: Self.limits).kind == .invalid(431))

        let three = "A: 1\r\nB: 2\r\nC: 3\r\n"
        #expect(Parsed("\(start)\(three)\r\n", limits: Self.limits).kind == .complete)
        #expect(Parsed("\(start)\(three)D", limits: Self.limits).kind == .invalid(431))

        // 9 bytes of Host and two lines.
        let exact = "X: " + String(repeating: "b", count: 55) + "\r\n" + "Y: " + String(repeating: "b", count: 54)
        #expect(Parsed("\(start)\(exact)\r\n\r\n", limits: Self.limits).kind == .complete)
        #expect(Parsed("\(start)\(exact)b\r\n\r\n", limits: Self.limits).kind == .invalid(431))
        #expect(Parsed("\(start)\(exact)bbb", limits: Self.limits).kind == .invalid(431))
    }

    @Test func anIncompleteHeadIsNeverLongerThanTheLimitsSay() {
        let longest = "\r\n\r\n\r\n\r\n" + String(repeating: "M", count: 32) + " /" + String(repeating: "a", count: 63)
        let bytes = Array("\(longest) HTTP/1.1\r\n".utf8) + Array(repeating: 0x62, count: 200)
        var longestIncomplete = 0
        for count in 0..<bytes.count where Parsed(Array(bytes[..<count]), limits: Self.limits).kind == .incomplete {
            longestIncomplete = count
        }
        #expect(longestIncomplete > 64 && longestIncomplete <= Self.limits.headByteCount)
    }

    /// Random bytes and random changes of a good request: no trap, and a complete head stays within its bytes.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func survivesNoise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let good = Array("GET /a?b HTTP/1.1\r\nHost: a:1\r\nRange: bytes=0-1\r\nContent-Length: 3\r\n\r\n".utf8)
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                }
            }
            let parsed = Parsed(bytes)
            if parsed.kind == .complete {
                let isWithin = parsed.head.byteCount <= bytes.count
                #expect(isWithin, "\(bytes)")
                _ = parsed.text(parsed.head.path)
                _ = parsed.text(parsed.head.host)
            }
        }
    }
}
