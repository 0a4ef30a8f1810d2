extension HeadParser {
    /// Takes a request target apart, RFC 9112 §3.2. The fragment never gets here: "#" ends the target's scan.
    mutating func parseTarget(_ target: Range<Int>) -> Step {
        if head.method == .connect {
            head.targetForm = .authority
            return .complete
        }
        let first = bytes.octet(target.lowerBound)
        if first == ASCII.slash {
            head.targetForm = .origin
            splitQuery(target)
            return .complete
        }
        if first == ASCII.asterisk, target.count == 1 {
            head.targetForm = .asterisk
            return head.method == .options ? .complete : .invalid(.badRequest)
        }
        return parseAbsolute(target)
    }

    /// "http://host:port/path?query", RFC 9112 §3.2.2.
    private mutating func parseAbsolute(_ target: Range<Int>) -> Step {
        let schemeCount: Int
        if target.count >= 7, bytes.matches("http://", in: target.lowerBound..<target.lowerBound &+ 7) {
            schemeCount = 7
        } else if target.count >= 8, bytes.matches("https://", in: target.lowerBound..<target.lowerBound &+ 8) {
            schemeCount = 8
        } else {
            return .invalid(.badRequest)
        }
        head.targetForm = .absolute
        let authorityStart = target.lowerBound &+ schemeCount
        var authorityEnd = authorityStart
        while authorityEnd < target.upperBound {
            let byte = bytes.octet(unchecked: authorityEnd)
            if byte == ASCII.slash || byte == ASCII.questionMark { break }
            authorityEnd &+= 1
        }
        // An http URI with an empty host is invalid, RFC 9110 §4.2.1.
        guard authorityEnd > authorityStart, isAuthority(authorityStart..<authorityEnd) else {
            return .invalid(.badRequest)
        }
        head.host = ByteSlice(authorityStart, authorityEnd)
        splitQuery(authorityEnd..<target.upperBound)
        return .complete
    }

    private mutating func splitQuery(_ range: Range<Int>) {
        var end = range.lowerBound
        while end < range.upperBound, bytes.octet(unchecked: end) != ASCII.questionMark { end &+= 1 }
        head.path = ByteSlice(range.lowerBound, end)
        if end < range.upperBound { head.query = ByteSlice(end, range.upperBound) }
    }

    /// uri-host [ ":" port ], RFC 9110 §7.2; no user information (RFC 9110 §4.2.4). Empty is a valid Host.
    func isAuthority(_ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        if index < range.upperBound, bytes.octet(index) == 0x5B {
            index &+= 1
            let start = index
            while index < range.upperBound, bytes.octet(unchecked: index) != 0x5D {
                let byte = bytes.octet(unchecked: index)
                // IPv6address and IPvFuture in one: their letters are reg-name's, and colons.
                guard byte == ASCII.colon || CharacterClass.registeredName.contains(byte) else { return false }
                index &+= 1
            }
            guard index < range.upperBound, index > start else { return false }
            index &+= 1
        } else {
            while index < range.upperBound, bytes.octet(unchecked: index) != ASCII.colon {
                let byte = bytes.octet(unchecked: index)
                guard CharacterClass.registeredName.contains(byte) else { return false }
                if byte == ASCII.percent {
                    guard index &+ 2 < range.upperBound, hexadecimalValue(bytes.octet(index &+ 1)) != nil,
                        hexadecimalValue(bytes.octet(index &+ 2)) != nil
                    else { return false }
                }
                index &+= 1
            }
        }
        guard index < range.upperBound else { return true }
        guard bytes.octet(index) == ASCII.colon else { return false }
        index &+= 1
        while index < range.upperBound {
            guard isDigit(bytes.octet(unchecked: index)) else { return false }
            index &+= 1
        }
        return true
    }
}
