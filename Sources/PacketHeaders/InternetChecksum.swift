/// A running one's-complement sum (RFC 1071). Words are added as they lie in memory, which leaves the byte order of the
/// result right on either kind of machine (§2 (B)).
@frozen public struct InternetChecksum: Sendable, BitwiseCopyable {
    @usableFromInline var sum: UInt64

    @inlinable public init() { sum = 0 }

    /// Adds 16-, 32- or 64-bit words in memory order; 64-bit words as two halves, so that 2^31 of them fit.
    @inlinable @inline(always) public mutating func add(_ word: UInt16) { sum &+= UInt64(word) }
    @inlinable @inline(always) public mutating func add(_ word: UInt32) { sum &+= UInt64(word) }
    @inlinable @inline(always) public mutating func add(_ word: UInt64) {
        sum &+= word & 0xFFFF_FFFF
        sum &+= word &>> 32
    }

    /// Adds `bytes[range]`, which must start at an even offset of the data summed.
    @inlinable public mutating func add(_ bytes: RawSpan, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.byteCount, "range outside the bytes")
        var offset = range.lowerBound
        let end = range.upperBound
        // Four sums of 32-bit words side by side.
        var sums = SIMD4<UInt64>.zero
        while offset &+ 32 <= end {
            // Safe: offset + 32 <= end <= byteCount.
            let first = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD4<UInt32>.self)
            let second = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ 16, as: SIMD4<UInt32>.self)
            sums &+= SIMD4<UInt64>(truncatingIfNeeded: first) &+ SIMD4<UInt64>(truncatingIfNeeded: second)
            offset &+= 32
        }
        var rest = sums.wrappedSum()
        while offset &+ 4 <= end {
            // Safe: offset + 4 <= end <= byteCount.
            rest &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
            offset &+= 4
        }
        if offset &+ 2 <= end {
            rest &+= UInt64(bytes.native(UInt16.self, at: offset))
            offset &+= 2
        }
        if offset < end { rest &+= UInt64(UInt16(littleEndian: UInt16(bytes.native(UInt8.self, at: offset)))) }
        sum &+= rest
    }

    /// The sum folded to 16 bits, in memory order; not complemented.
    @inlinable public var folded: UInt16 {
        var value = (sum & 0xFFFF_FFFF) &+ (sum &>> 32)
        value = (value & 0xFFFF) &+ (value &>> 16)
        value = (value & 0xFFFF) &+ (value &>> 16)
        value = (value & 0xFFFF) &+ (value &>> 16)
        return UInt16(truncatingIfNeeded: value)
    }

    /// The checksum field: the complement of the folded sum, in memory order.
    @inlinable public var field: UInt16 { ~folded }

    /// The pseudo-header of RFC 9293 §3.1 and RFC 8200 §8.1. The address forms sum alike for IPv4 and IPv6 but for the
    /// `ffff` of a mapped address, which is one's-complement zero.
    @inlinable public init(pseudoHeader source: Address, _ destination: Address, protocol: UInt8, byteCount: Int) {
        sum = 0
        add(source.high)
        add(source.low)
        add(destination.high)
        add(destination.low)
        add(UInt16(`protocol`).bigEndian)
        add(UInt32(truncatingIfNeeded: byteCount).bigEndian)
    }
}
