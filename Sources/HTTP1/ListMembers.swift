/// The members of a comma-separated list, RFC 9110 §5.6.1, without blanks around them; empty ones are skipped.
/// A comma inside a quoted string does not separate.
public struct ListMembers: ~Escapable {
    let bytes: RawSpan
    var position: Int
    let end: Int

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    public mutating func next() -> Range<Int>? {
        while position < end {
            var start = position
            var isQuoted = false
            while position < end {
                let byte = bytes.octet(position)
                if byte == ASCII.quote { isQuoted.toggle() }
                if byte == ASCII.comma, !isQuoted { break }
                position &+= 1
            }
            var last = position
            position &+= 1
            while start < last, isBlank(bytes.octet(start)) { start &+= 1 }
            while last > start, isBlank(bytes.octet(last &- 1)) { last &-= 1 }
            if start < last { return start..<last }
        }
        return nil
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }
}

extension RawSpan {
    /// The number written in decimal digits in the whole of `range`; nil if it is anything else or too large.
    func decimal(_ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in range {
            let byte = octet(index)
            guard isDigit(byte) else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(byte &- 0x30))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return value
    }
}
