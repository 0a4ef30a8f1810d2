/// A sequence number, whose arithmetic and order are modulo 2^32 (RFC 9293 §3.4).
struct SequenceNumber: Equatable, BitwiseCopyable {
    var rawValue: UInt32

    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    static func + (left: SequenceNumber, right: UInt32) -> SequenceNumber { SequenceNumber(left.rawValue &+ right) }
    static func + (left: SequenceNumber, right: Int) -> SequenceNumber {
        SequenceNumber(left.rawValue &+ UInt32(truncatingIfNeeded: right))
    }
    static func - (left: SequenceNumber, right: UInt32) -> SequenceNumber { SequenceNumber(left.rawValue &- right) }
    /// How far `left` is past `right`; meaningful when it is.
    static func - (left: SequenceNumber, right: SequenceNumber) -> UInt32 { left.rawValue &- right.rawValue }
    static func += (left: inout SequenceNumber, right: UInt32) { left.rawValue &+= right }

    static func < (left: SequenceNumber, right: SequenceNumber) -> Bool {
        Int32(bitPattern: left.rawValue &- right.rawValue) < 0
    }
    static func <= (left: SequenceNumber, right: SequenceNumber) -> Bool { !(right < left) }
    static func > (left: SequenceNumber, right: SequenceNumber) -> Bool { right < left }
    static func >= (left: SequenceNumber, right: SequenceNumber) -> Bool { !(left < right) }

    static func latest(_ left: SequenceNumber, _ right: SequenceNumber) -> SequenceNumber {
        left < right ? right : left
    }
    static func earliest(_ left: SequenceNumber, _ right: SequenceNumber) -> SequenceNumber {
        left < right ? left : right
    }
}
