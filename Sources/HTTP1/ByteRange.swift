/// One range of a representation's bytes, both ends included.
public struct ByteRange: Equatable, BitwiseCopyable, Sendable {
    public var first: UInt64
    public var last: UInt64
    public init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }
    public var byteCount: UInt64 { last &- first &+ 1 }
}

/// The satisfiable ranges of one Range field, in a fixed table.
public struct ByteRangeSet: Sendable, BitwiseCopyable {
    /// More parts than any client has a use for are ignored as RFC 9110 §14.2 advises.
    public static var limit: Int { @inlinable get { 16 } }

    public enum Outcome: Sendable {
        /// Malformed, another unit, or too many: answer as if there were no Range (RFC 9110 §14.2).
        case ignored
        /// No range overlaps the representation: 416.
        case unsatisfiable
        case satisfiable
    }

    public private(set) var count = 0
    private var storage: [16 of ByteRange] = [16 of ByteRange](repeating: ByteRange(first: 0, last: 0))

    public init() {}

    public subscript(index: Int) -> ByteRange {
        precondition(index < count)
        return storage[index]
    }

    /// Reads "bytes=0-99,200-,-5" for a representation of `size` bytes, RFC 9110 §14.1.2.
    public mutating func parse(_ value: RawSpan, size: UInt64) -> Outcome {
        count = 0
        let unit: StaticString = "bytes="
        guard value.byteCount > 6, value.matches(unit, in: 0..<6) else { return .ignored }
        var members = ListMembers(value, 6..<value.byteCount)
        var specified = 0
        while let member = members.next() {
            specified &+= 1
            guard specified <= Self.limit else { return .ignored }
            switch Self.specification(value, member, size) {
            case .malformed, .inexpressible: return .ignored
            case .unsatisfiable: continue
            case .range(let range):
                storage[count] = range
                count &+= 1
            }
        }
        guard specified > 0 else { return .ignored }
        guard count > 0 else { return .unsatisfiable }
        coalesce()
        return .satisfiable
    }

    private enum Specification { case malformed, unsatisfiable, inexpressible, range(ByteRange) }

    private static func specification(_ value: RawSpan, _ member: Range<Int>, _ size: UInt64) -> Specification {
        var hyphen = member.lowerBound
        while hyphen < member.upperBound, value.octet(hyphen) != ASCII.hyphen { hyphen &+= 1 }
        guard hyphen < member.upperBound else { return .malformed }
        let firstDigits = member.lowerBound..<hyphen
        let lastDigits = hyphen &+ 1..<member.upperBound
        if firstDigits.isEmpty {
            guard let length = saturatingDecimal(value, lastDigits) else { return .malformed }
            // A suffix of nothing is the whole, empty representation, which a Content-Range cannot express.
            guard size > 0 else { return .inexpressible }
            guard length > 0 else { return .unsatisfiable }
            return .range(ByteRange(first: size &- min(length, size), last: size &- 1))
        }
        guard let first = saturatingDecimal(value, firstDigits) else { return .malformed }
        var last = UInt64.max
        if !lastDigits.isEmpty {
            guard let given = saturatingDecimal(value, lastDigits), given >= first else { return .malformed }
            last = given
        }
        guard first < size else { return .unsatisfiable }
        return .range(ByteRange(first: first, last: min(last, size &- 1)))
    }

    /// A position beyond any file is beyond this one, too.
    private static func saturatingDecimal(_ value: RawSpan, _ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty else { return nil }
        for index in range where !isDigit(value.octet(index)) { return nil }
        return value.decimal(range) ?? .max
    }

    /// Ranges that overlap are sorted and merged, so that no byte is sent twice; others keep the client's order.
    private mutating func coalesce() {
        guard hasOverlap else { return }
        for index in 1..<count {
            var position = index
            while position > 0, storage[position &- 1].first > storage[position].first {
                storage.swapAt(position &- 1, position)
                position &-= 1
            }
        }
        var kept = 0
        for index in 1..<count {
            if storage[index].first <= storage[kept].last &+ 1 {
                storage[kept].last = max(storage[kept].last, storage[index].last)
            } else {
                kept &+= 1
                storage[kept] = storage[index]
            }
        }
        count = kept &+ 1
    }

    private var hasOverlap: Bool {
        for left in 0..<count {
            for right in left &+ 1..<count
            where storage[left].first <= storage[right].last && storage[right].first <= storage[left].last {
                return true
            }
        }
        return false
    }
}
