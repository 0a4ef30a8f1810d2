/// Parses one request head, RFC 9112 §2–§3 and §5, from the start of a span, in one pass and without allocating.
///
/// It is strict where leniency makes two parsers disagree (request smuggling, RFC 9112 §11.2): lines end in CRLF only,
/// no line folding, no space before the colon, no control character in a value.
public struct HeadParser: ~Escapable {
    /// Empty lines before the request line that are skipped, RFC 9112 §2.2.
    static var emptyLineLimit: Int { 4 }
    private static var methodByteCountLimit: Int { 32 }

    let bytes: RawSpan
    let limits: HeadLimits
    var position = 0
    var head = RequestHead()
    var hostCount = 0

    /// What one part of a head is; `complete` is that part only.
    typealias Step = HeadResult

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, _ limits: HeadLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// - Parameter head: Set unless the result is `incomplete`.
    public static func parse(_ bytes: RawSpan, limits: HeadLimits, into head: inout RequestHead) -> HeadResult {
        var parser = HeadParser(bytes, limits)
        let result = parser.parse()
        if result != .incomplete { head = parser.head }
        return result
    }

    private mutating func parse() -> Step {
        let empty = skipEmptyLines()
        guard empty == .complete else { return empty }
        let line = parseRequestLine()
        guard line == .complete else { return line }
        let fields = parseFields()
        guard fields == .complete else { return fields }
        head.byteCount = position
        return checkWhole()
    }

    private mutating func skipEmptyLines() -> Step {
        var skipped = 0
        while position < bytes.byteCount, bytes.octet(unchecked: position) == ASCII.carriageReturn {
            guard position &+ 1 < bytes.byteCount else { return .incomplete }
            guard bytes.octet(position &+ 1) == ASCII.lineFeed, skipped < Self.emptyLineLimit else {
                return .invalid(.badRequest)
            }
            skipped &+= 1
            position &+= 2
        }
        return position < bytes.byteCount ? .complete : .incomplete
    }

    // MARK: Request line

    private mutating func parseRequestLine() -> Step {
        let start = position
        // Most requests, in one comparison.
        if bytes.byteCount &- start > 4, bytes.equals("GET ", at: start) {
            head.method = .get
            position &+= 4
        } else {
            let method = scanMethod(from: start)
            guard method == .complete else { return method }
            head.method = Method(bytes, start..<position)
            position &+= 1
        }

        let targetStart = position
        scanTarget()
        let targetEnd = position
        if targetEnd &- targetStart > limits.lineByteCount { return .invalid(.uriTooLong) }
        guard targetEnd < bytes.byteCount else { return .incomplete }
        guard bytes.octet(unchecked: targetEnd) == ASCII.space, targetEnd > targetStart else {
            return .invalid(.badRequest)
        }
        position &+= 1
        let version = parseVersion()
        guard version == .complete else { return version }
        head.requestLine = ByteSlice(start, position &- 2)
        return parseTarget(targetStart..<targetEnd)
    }

    private mutating func scanMethod(from start: Int) -> Step {
        while position < bytes.byteCount, CharacterClass.token.contains(bytes.octet(unchecked: position)) {
            position &+= 1
            // No method is that long; RFC 9112 §3 asks for 501.
            if position &- start > Self.methodByteCountLimit { return .invalid(.notImplemented) }
        }
        guard position < bytes.byteCount else { return .incomplete }
        guard bytes.octet(unchecked: position) == ASCII.space, position > start else { return .invalid(.badRequest) }
        return .complete
    }

    /// Moves to the first byte no target holds. Bytes from 0x80 on are let through: a client that does not
    /// percent-encode a file name still names that file.
    private mutating func scanTarget() {
        let end = min(bytes.byteCount, position &+ limits.lineByteCount &+ 1)
        while position < end {
            let byte = bytes.octet(unchecked: position)
            if byte <= ASCII.space || byte == ASCII.delete || byte == ASCII.numberSign { return }
            position &+= 1
        }
    }

    /// "HTTP/1.1" CRLF, RFC 9112 §2.3.
    private mutating func parseVersion() -> Step {
        let available = bytes.byteCount &- position
        if available >= 10, bytes.equals("HTTP/1.1\r\n", at: position) {
            position &+= 10
            return .complete
        }
        let template: StaticString = "HTTP/"
        for index in 0..<min(5, available) {
            // Safe: index < 5, the length of the template.
            let expected = unsafe template.utf8Start[index]
            guard bytes.octet(position &+ index) == expected else { return .invalid(.badRequest) }
        }
        for index in 5..<10 where index < available {
            let byte = bytes.octet(position &+ index)
            let isExpected =
                switch index {
                case 6: byte == ASCII.period
                case 8: byte == ASCII.carriageReturn
                case 9: byte == ASCII.lineFeed
                default: isDigit(byte)
                }
            guard isExpected else { return .invalid(.badRequest) }
        }
        guard available >= 10 else { return .incomplete }
        let major = bytes.octet(position &+ 5)
        let minor = bytes.octet(position &+ 7)
        position &+= 10
        guard major == 0x31 else { return .invalid(.versionNotSupported) }
        head.version = minor == 0x30 ? .http10 : .http11
        return .complete
    }

    // MARK: What only the whole head tells

    private mutating func checkWhole() -> Step {
        if hostCount > 1 { return .invalid(.badRequest) }
        // RFC 9112 §3.2.
        if hostCount == 0, head.version == .http11 { return .invalid(.badRequest) }
        if head.flags.contains(.hasTransferEncoding) {
            // Both, or a coding that HTTP/1.0 does not have: the framing cannot be trusted (RFC 9112 §6.1, §6.3).
            if head.flags.contains(.hasContentLength) || head.version == .http10 { return .invalid(.badRequest) }
            if head.flags.contains(.unknownCoding) {
                // Not ending in chunked leaves the length unknown (RFC 9112 §6.3).
                return .invalid(head.flags.contains(.chunked) ? .notImplemented : .badRequest)
            }
            if !head.flags.contains(.chunked) { return .invalid(.badRequest) }
        }
        return .complete
    }
}
