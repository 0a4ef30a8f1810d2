extension HeadParser {
    /// The field lines and the empty line after them, RFC 9112 §5.
    mutating func parseFields() -> Step {
        let start = position
        var count = 0
        while true {
            guard position < bytes.byteCount else { return beyondLimits(from: start, line: position) ?? .incomplete }
            if bytes.octet(unchecked: position) == ASCII.carriageReturn {
                guard position &+ 1 < bytes.byteCount else { return .incomplete }
                guard bytes.octet(unchecked: position &+ 1) == ASCII.lineFeed else { return .invalid(.badRequest) }
                head.fields = ByteSlice(start, position)
                position &+= 2
                return .complete
            }
            if count == limits.fieldCount { return .invalid(.requestHeaderFieldsTooLarge) }
            count &+= 1
            let line = position
            let step = parseField()
            if let tooLarge = beyondLimits(from: start, line: line) { return tooLarge }
            guard step == .complete else { return step }
        }
    }

    private func beyondLimits(from start: Int, line: Int) -> Step? {
        // A complete line's CRLF does not count.
        let isTooLong = position &- line > limits.lineByteCount &+ 2 || position &- start > limits.fieldsByteCount
        return isTooLong ? .invalid(.requestHeaderFieldsTooLarge) : nil
    }

    /// One field line. A line that starts with white space (obs-fold, RFC 9112 §5.2) has no name and is refused.
    private mutating func parseField() -> Step {
        let nameStart = position
        while position < bytes.byteCount, CharacterClass.token.contains(bytes.octet(unchecked: position)) {
            position &+= 1
        }
        guard position < bytes.byteCount else { return .incomplete }
        let name = nameStart..<position
        guard bytes.octet(unchecked: position) == ASCII.colon, !name.isEmpty else { return .invalid(.badRequest) }
        position &+= 1
        while position < bytes.byteCount, isBlank(bytes.octet(unchecked: position)) { position &+= 1 }
        let valueStart = position
        skipValue()
        guard position < bytes.byteCount else { return .incomplete }
        guard bytes.octet(unchecked: position) == ASCII.carriageReturn else { return .invalid(.badRequest) }
        guard position &+ 1 < bytes.byteCount else { return .incomplete }
        guard bytes.octet(unchecked: position &+ 1) == ASCII.lineFeed else { return .invalid(.badRequest) }
        var valueEnd = position
        while valueEnd > valueStart, isBlank(bytes.octet(unchecked: valueEnd &- 1)) { valueEnd &-= 1 }
        position &+= 2
        return take(name, valueStart..<valueEnd)
    }

    @inline(always) private func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }

    /// Moves to the first byte that is not field content: eight bytes at a time, then one by one.
    private mutating func skipValue() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let end = bytes.byteCount
        while position < end {
            while position &+ 8 <= end {
                // Safe: position + 8 <= byteCount.
                let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
                let delete = word ^ (ones &* 0x7F)
                // The high bit of each byte below 0x20 or equal to 0x7F (and perhaps of bytes after such a one).
                let control = ((word &- ones &* 0x20) & ~word) | ((delete &- ones) & ~delete)
                let found = UInt64(littleEndian: control & (ones &* 0x80))
                guard found == 0 else {
                    position &+= found.trailingZeroBitCount >> 3
                    break
                }
                position &+= 8
            }
            guard position < end else { return }
            let byte = bytes.octet(unchecked: position)
            if byte < ASCII.space && byte != ASCII.tab || byte == ASCII.delete { return }
            position &+= 1
        }
    }

    /// Keeps what this server acts on; every other field was checked and is skipped.
    private mutating func take(_ name: Range<Int>, _ value: Range<Int>) -> Step {
        let slice = ByteSlice(value.lowerBound, value.upperBound)
        switch name.count {
        case 4 where bytes.matches("host", in: name):
            return takeHost(value)
        case 5 where bytes.matches("range", in: name):
            // Not a list: a second one makes the request's meaning unclear, and Range may be ignored (RFC 9110 §14.2).
            head.range = head.range.isPresent ? ByteSlice(0, 0) : slice
        case 6 where bytes.matches("expect", in: name):
            takeExpect(value)
        case 7 where bytes.matches("referer", in: name):
            head.referer = slice
        case 8 where bytes.matches("if-match", in: name):
            if head.ifMatch.isPresent { head.flags.insert(.repeatedIfMatch) } else { head.ifMatch = slice }
        case 8 where bytes.matches("if-range", in: name):
            head.ifRange = head.ifRange.isPresent ? ByteSlice(0, 0) : slice
        case 10 where bytes.matches("connection", in: name):
            takeConnection(value)
        case 10 where bytes.matches("user-agent", in: name):
            head.userAgent = slice
        case 13 where bytes.matches("if-none-match", in: name):
            if head.ifNoneMatch.isPresent { head.flags.insert(.repeatedIfNoneMatch) } else { head.ifNoneMatch = slice }
        case 14 where bytes.matches("content-length", in: name):
            return takeContentLength(value)
        case 17 where bytes.matches("transfer-encoding", in: name):
            return takeTransferEncoding(value)
        case 17 where bytes.matches("if-modified-since", in: name):
            // A list of dates is not a date: both conditions are then ignored (RFC 9110 §13.1.3, §13.1.4).
            head.ifModifiedSince = head.ifModifiedSince.isPresent ? ByteSlice(0, 0) : slice
        case 19 where bytes.matches("if-unmodified-since", in: name):
            head.ifUnmodifiedSince = head.ifUnmodifiedSince.isPresent ? ByteSlice(0, 0) : slice
        default: break
        }
        return .complete
    }

    private mutating func takeHost(_ value: Range<Int>) -> Step {
        hostCount &+= 1
        guard isAuthority(value) else { return .invalid(.badRequest) }
        // An absolute-form target has said it already, and wins (RFC 9112 §3.2.2).
        if head.targetForm != .absolute { head.host = ByteSlice(value.lowerBound, value.upperBound) }
        return .complete
    }

    /// Decimal digits, or a list of the same number again and again (RFC 9112 §6.3).
    private mutating func takeContentLength(_ value: Range<Int>) -> Step {
        var members = ListMembers(bytes, value)
        var isEmpty = true
        while let member = members.next() {
            guard let length = bytes.decimal(member) else { return .invalid(.badRequest) }
            if head.flags.contains(.hasContentLength), length != head.contentLength { return .invalid(.badRequest) }
            head.contentLength = length
            head.flags.insert(.hasContentLength)
            isEmpty = false
        }
        return isEmpty ? .invalid(.badRequest) : .complete
    }

    /// RFC 9112 §6.1. `chunked` stays set only when it is the last coding, and may be applied once.
    private mutating func takeTransferEncoding(_ value: Range<Int>) -> Step {
        head.flags.insert(.hasTransferEncoding)
        var members = ListMembers(bytes, value)
        while let member = members.next() {
            if bytes.matches("chunked", in: member) {
                if head.flags.contains(.chunked) { return .invalid(.badRequest) }
                head.flags.insert(.chunked)
            } else {
                if head.flags.contains(.chunked) { return .invalid(.badRequest) }
                head.flags.insert(.unknownCoding)
            }
        }
        return .complete
    }

    private mutating func takeConnection(_ value: Range<Int>) {
        var members = ListMembers(bytes, value)
        while let member = members.next() {
            if bytes.matches("close", in: member) { head.flags.insert(.close) }
            if bytes.matches("keep-alive", in: member) { head.flags.insert(.keepAlive) }
        }
    }

    private mutating func takeExpect(_ value: Range<Int>) {
        var members = ListMembers(bytes, value)
        while let member = members.next() {
            head.flags.insert(bytes.matches("100-continue", in: member) ? .expectsContinue : .expectsUnknown)
        }
    }
}
