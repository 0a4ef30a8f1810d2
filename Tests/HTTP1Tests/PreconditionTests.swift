import Testing

@testable import HTTP1

@Suite struct PreconditionTests {
    static let tag = "\"abc-1\""
    static let modified: Int64 = 784_111_777
    static let same = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let later = "Sun, 06 Nov 1994 08:49:38 GMT"
    static let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"

    @Test(
        arguments: [
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
            ("If-Match: \"abc-1\"\r\n", .proceed), ("If-Match: W/\"abc-1\"\r\n", .failed),
            ("If-Match: *\r\n", .proceed),
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

    @Test(
        arguments: [
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
