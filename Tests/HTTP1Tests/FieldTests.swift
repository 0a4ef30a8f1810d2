import Testing

@testable import HTTP1

@Suite struct HTTPDateTests {
    private func parse(_ text: String, now: Int64 = 1_700_000_000) -> Int64? {
        let bytes = Array(text.utf8)
        return unsafe HTTPDate.parse(bytes.span.bytes, now: now)
    }

    private func format(_ seconds: Int64) -> String {
        var bytes = [UInt8](repeating: 0, count: HTTPDate.byteCount)
        unsafe bytes.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            HTTPDate.append(seconds, to: &writer)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] as [(Int64, String)])
    func formats(_ seconds: Int64, _ text: String) {
        #expect(format(seconds) == text)
        #expect(parse(text) == seconds)
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        for day in stride(from: Int64(-25_567), to: 130_000, by: 1) {
            let seconds = day * 86_400 + (day & 0xFFFF)
            let text = format(seconds)
            if parse(text) != seconds {
                Issue.record("\(seconds) is \(text)")
                return
            }
        }
    }

    @Test(arguments: [
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Wednesday, 16-Nov-22 00:00:00 GMT", 1_668_556_800), ("Sun, 06 Nov 1994 08:49:60 GMT", 784_111_800),
        // 2073 is not more than 50 years after 2023, 2074 is.
        ("Sunday, 01-Jan-73 00:00:00 GMT", 3_250_454_400), ("Tuesday, 01-Jan-74 00:00:00 GMT", 126_230_400),
        ("Thu Feb 29 00:00:00 1996", 825_552_000),
    ] as [(String, Int64)])
    func readsObsoleteForms(_ text: String, _ seconds: Int64) {
        #expect(parse(text) == seconds)
    }

    @Test(arguments: [
        "", "x", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "784111777", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sundays, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
    ])
    func refuses(_ text: String) {
        #expect(parse(text) == nil)
    }
}

@Suite struct ByteRangeTests {
    enum Expected: Equatable { case ignored, unsatisfiable, ranges([ClosedRange<UInt64>]) }

    @Test(arguments: [
        ("bytes=0-0", 10, .ranges([0...0])), ("bytes=0-", 10, .ranges([0...9])), ("bytes=3-5", 10, .ranges([3...5])),
        ("bytes=-3", 10, .ranges([7...9])), ("bytes=-30", 10, .ranges([0...9])), ("bytes=9-100", 10, .ranges([9...9])),
        ("BYTES=1-2", 10, .ranges([1...2])), ("bytes=0-18446744073709551615", 10, .ranges([0...9])),
        ("bytes=0-99999999999999999999999", 10, .ranges([0...9])),
        ("bytes=0-1,4-5", 10, .ranges([0...1, 4...5])), ("bytes=4-5, 0-1", 10, .ranges([4...5, 0...1])),
        ("bytes= 0-1 ,, -1", 10, .ranges([0...1, 9...9])),
        ("bytes=5-7,0-5", 10, .ranges([0...7])), ("bytes=0-3,2-5,7-8,8-", 10, .ranges([0...5, 7...9])),
        ("bytes=0-0,0-0,0-0", 10, .ranges([0...0])), ("bytes=0-4,20-30", 10, .ranges([0...4])),
        ("bytes=10-", 10, .unsatisfiable), ("bytes=10-20,30-", 10, .unsatisfiable), ("bytes=-0", 10, .unsatisfiable),
        ("bytes=0-", 0, .unsatisfiable), ("bytes=-5", 0, .ignored),
        ("bytes=99999999999999999999999-", 10, .unsatisfiable),
        ("bytes=", 10, .ignored), ("bytes=,", 10, .ignored), ("bytes=5", 10, .ignored), ("bytes=-", 10, .ignored),
        ("bytes=5-3", 10, .ignored), ("bytes=a-b", 10, .ignored), ("bytes=0-1,x", 10, .ignored),
        ("bytes 0-1", 10, .ignored), ("items=0-1", 10, .ignored), ("bytes=0 - 1", 10, .ignored),
        ("bytes=--1", 10, .ignored), ("bytes=0x1-2", 10, .ignored), ("", 10, .ignored),
        ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,1-1,2-2,3-3,4-4,5-5,6-6", 10, .ignored),
    ] as [(String, UInt64, Expected)])
    func parses(_ value: String, _ size: UInt64, _ expected: Expected) {
        var set = ByteRangeSet()
        let bytes = Array(value.utf8)
        let outcome = unsafe set.parse(bytes.span.bytes, size: size)
        switch outcome {
        case .ignored: #expect(expected == .ignored)
        case .unsatisfiable: #expect(expected == .unsatisfiable)
        case .satisfiable:
            let ranges = (0..<set.count).map { set[$0].first...set[$0].last }
            #expect(expected == .ranges(ranges))
        }
    }
}

@Suite struct PreconditionTests {
    static let tag = "\"abc-1\""
    static let modified: Int64 = 784_111_777
    static let same = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let later = "Sun, 06 Nov 1994 08:49:38 GMT"
    static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"

    @Test(arguments: [
        ("", .proceed),
        ("If-None-Match: \"abc-1\"\r\n", .notModified), ("If-None-Match: W/\"abc-1\"\r\n", .notModified),
        ("If-None-Match: \"x\", \"y,z\" , \"abc-1\"\r\n", .notModified), ("If-None-Match: *\r\n", .notModified),
        ("If-None-Match: \"x\"\r\n", .proceed), ("If-None-Match: abc-1\r\n", .proceed),
        ("If-None-Match: \"x\"\r\nIf-None-Match: \"abc-1\"\r\n", .notModified),
        ("If-None-Match: \"x\"\r\nX: y\r\nif-none-match: \"z\"\r\n", .proceed),
        ("If-Modified-Since: \(same)\r\n", .notModified), ("If-Modified-Since: \(later)\r\n", .notModified),
        ("If-Modified-Since: \(earlier)\r\n", .proceed), ("If-Modified-Since: yesterday\r\n", .proceed),
        ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", .notModified),
        ("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", .notModified),
        // If-None-Match makes If-Modified-Since void.
        ("If-None-Match: \"x\"\r\nIf-Modified-Since: \(same)\r\n", .proceed),
        ("If-Match: \"abc-1\"\r\n", .proceed), ("If-Match: W/\"abc-1\"\r\n", .failed), ("If-Match: *\r\n", .proceed),
        ("If-Match: \"x\"\r\n", .failed), ("If-Match: \"x\"\r\nIf-Match: \"abc-1\"\r\n", .proceed),
        ("If-Unmodified-Since: \(same)\r\n", .proceed), ("If-Unmodified-Since: \(earlier)\r\n", .failed),
        ("If-Unmodified-Since: never\r\n", .proceed),
        ("If-Match: \"abc-1\"\r\nIf-Unmodified-Since: \(earlier)\r\n", .proceed),
        ("If-Match: \"x\"\r\nIf-None-Match: \"abc-1\"\r\n", .failed),
    ] as [(String, RequestHead.Precondition)])
    func evaluates(_ fields: String, _ expected: RequestHead.Precondition) {
        let parsed = Parsed("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        #expect(parsed.kind == .complete)
        let tag = Array(Self.tag.utf8)
        let validators = unsafe Validators(
            entityTag: tag.span.bytes, modified: Self.modified, now: Self.modified + 100)
        let outcome = unsafe parsed.head.precondition(parsed.bytes.span.bytes, validators)
        #expect(outcome == expected)
    }

    @Test(arguments: [
        ("", true, 100), ("If-Range: \"abc-1\"\r\n", true, 100), ("If-Range: W/\"abc-1\"\r\n", false, 100),
        ("If-Range: \"x\"\r\n", false, 100), ("If-Range: \(same)\r\n", true, 100),
        ("If-Range: \(later)\r\n", false, 100), ("If-Range: \(earlier)\r\n", false, 100),
        // Within the second of the change a date says too little.
        ("If-Range: \(same)\r\n", false, 0), ("If-Range: x\r\n", false, 100), ("If-Range:\r\n", false, 100),
    ] as [(String, Bool, Int64)])
    func honoursIfRange(_ fields: String, _ expected: Bool, _ age: Int64) {
        let parsed = Parsed("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\(fields)\r\n")
        let tag = Array(Self.tag.utf8)
        let validators = unsafe Validators(
            entityTag: tag.span.bytes, modified: Self.modified, now: Self.modified + age)
        let isCurrent = unsafe parsed.head.rangeIsCurrent(parsed.bytes.span.bytes, validators)
        #expect(isCurrent == expected)
    }
}

@Suite struct RequestPathTests {
    private func plain(_ path: String, capacity: Int = 64) -> String {
        let bytes = Array(path.utf8)
        var scratch = [UInt8](repeating: 0, count: capacity)
        return unsafe scratch.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            let slice = ByteSlice(0, bytes.count)
            var path = RequestPath()
            if let status = unsafe path.set(bytes.span.bytes, slice, scratch: &writer) { return "\(status.rawValue)" }
            let source = path.storage == .request ? bytes[...] : unsafe Array(buffer)[...]
            let text = String(decoding: source[path.bytes.range], as: UTF8.self)
            return text + (path.isDirectory ? "/" : "") + (path.hasDotFile ? " dot" : "")
        }
    }

    @Test(arguments: [
        ("", "/"), ("/", "/"), ("/a", "a"), ("/a/", "a/"), ("/a/b.c", "a/b.c"), ("//", "/"), ("//a//b", "a/b"),
        ("/a//", "a/"), ("/.", "/"), ("/./a", "a"), ("/a/.", "a/"), ("/a/..", "/"), ("/a/../b", "b"),
        ("/..", "/"), ("/../../etc/passwd", "etc/passwd"), ("/a/b/../../../c", "c"), ("/a/../..", "/"),
        ("/%2e%2e/%2E%2e/etc", "etc"), ("/a/%2e%2e/b", "b"), ("/%2e/a", "a"), ("/.%2e/a", "a"), ("/...", "... dot"),
        ("/%41%20b", "A b"), ("/%C3%A4", "\u{E4}"), ("/%25", "%"), ("/%252e%252e/a", "%2e%2e/a"),
        ("/%00", "400"), ("/a%00.html", "400"), ("/%", "400"), ("/%4", "400"), ("/%zz", "400"), ("/%4/", "400"),
        ("/%2F", "404"), ("/a%2fb", "404"), ("/..%2f..%2fetc/passwd", "404"), ("/..%5c..%5cx", "..\\..\\x dot"),
        ("/.git/config", ".git/config dot"), ("/a/.htaccess", "a/.htaccess dot"), ("/%2egit", ".git dot"),
        ("/a/.b/", "a/.b/ dot"), ("/a.", "a."), ("/a..", "a.."),
    ])
    func makesPlain(_ path: String, _ expected: String) {
        #expect(plain(path) == expected)
    }

    @Test func longPathsAreRefusedAndLeaveTheScratchUsable() {
        #expect(plain("/%61" + String(repeating: "a", count: 64)) == "414")
        #expect(plain("/%61" + String(repeating: "a", count: 63)) == String(repeating: "a", count: 64))
    }
}

@Suite struct ChunkedDecoderTests {
    /// Body, bytes decoded; nil is invalid.
    @Test(arguments: [
        ("0\r\n\r\n", 0), ("5\r\nhello\r\n0\r\n\r\n", 5), ("A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", 11),
        ("005;a=b;c=\"d\"\r\nhello\r\n000\r\n\r\n", 5), ("1\r\nx\r\n0\r\nTrailer: a\r\nOther: b\r\n\r\n", 1),
        ("5\r\nhel\r\n\r\n0\r\n\r\n", 5),
        ("\r\n", nil), ("g\r\n", nil), ("-1\r\n", nil), ("0x1\r\n", nil), ("1 \r\nx\r\n", nil), ("1\nx", nil),
        ("1\r\nxy\r\n", nil), ("1\r\nx\n", nil), ("1;a\nb\r\n", nil), ("0\r\nA: b\n", nil), ("0\r\n\r\r", nil),
        ("FFFFFFFFFFFFFFFF\r\n", nil), (";\r\n", nil), ("0\r\nA: \u{0}\r\n", nil), (" 1\r\n", nil),
    ] as [(String, UInt64?)])
    func decodes(_ body: String, _ expected: UInt64?) {
        let bytes = Array(body.utf8)
        let rest = Array("GET".utf8)
        for size in 1...bytes.count {
            var decoder = ChunkedDecoder()
            var outcome = ChunkedDecoder.Outcome.incomplete
            var total = 0
            let all = bytes + rest
            while outcome == .incomplete, total < all.count {
                let piece = Array(all[total..<min(total + size, all.count)])
                var position = 0
                outcome = unsafe decoder.decode(piece.span.bytes, at: &position)
                total += position
            }
            guard let expected else {
                #expect(outcome == .invalid, "pieces of \(size)")
                continue
            }
            #expect(outcome == .complete, "pieces of \(size)")
            #expect(decoder.byteCount == expected)
            #expect(total == bytes.count)
        }
    }

    @Test func extensionsAndTrailersAreBounded() {
        for start in ["1;", "0\r\nA: "] {
            let bytes = Array((start + String(repeating: "a", count: 5_000)).utf8)
            var decoder = ChunkedDecoder()
            var position = 0
            let outcome = unsafe decoder.decode(bytes.span.bytes, at: &position)
            #expect(outcome == .invalid)
        }
        let many = Array(("0\r\n" + String(repeating: "A: b\r\n", count: 2_000)).utf8)
        var decoder = ChunkedDecoder()
        var position = 0
        let outcome = unsafe decoder.decode(many.span.bytes, at: &position)
        #expect(outcome == .invalid)
    }
}

@Suite struct MediaTypeTests {
    private func type(_ path: String) -> String {
        let bytes = Array(path.utf8)
        var text = [UInt8](repeating: 0, count: 256)
        return unsafe text.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            unsafe MediaType.append(forPath: bytes.span.bytes, to: &writer)
            return unsafe String(decoding: buffer[..<writer.count], as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("a.html", "text/html; charset=utf-8"), ("A.HTM", "text/html; charset=utf-8"),
        ("x/y.css", "text/css; charset=utf-8"), ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"), ("a.json", "application/json"), ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"), ("a.jpeg", "image/jpeg"), ("a.webp", "image/webp"), ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"), ("a.xml", "application/xml"),
        ("a.tar.gz", "application/gzip"), ("a.txt", "text/plain; charset=utf-8"), ("a.ico", "image/vnd.microsoft.icon"),
        ("a", "application/octet-stream"), ("a.", "application/octet-stream"), ("", "application/octet-stream"),
        ("a.unheardof", "application/octet-stream"), ("dir.html/a", "application/octet-stream"),
        ("a.=", "application/octet-stream"), ("a. ", "application/octet-stream"),
        ("a.0123456789012345678901234567890123456789", "application/octet-stream"),
    ])
    func knows(_ path: String, _ expected: String) {
        #expect(type(path) == expected)
    }

    /// Binary search over text is only right if the text is in order and every record well formed.
    @Test func everyRecordIsFound() {
        let records = String(describing: MediaTypeTable.records).split(separator: " ")
        #expect(records.count > 1_000)
        var previous = ""
        for record in records {
            let parts = record.split(separator: "=", maxSplits: 1).map(String.init)
            #expect(parts.count == 2)
            #expect(previous.utf8.lexicographicallyPrecedes(parts[0].utf8), "\(parts[0])")
            previous = parts[0]
            let isFound = type("x." + parts[0]).hasPrefix(parts[1])
            #expect(isFound, "\(record)")
        }
    }
}
