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
        var first: UInt64 = 0
        var second: UInt64 = 0
        // Two accumulators of 32-bit halves, which the compiler turns into vector adds.
        while offset &+ 32 <= end {
            // Safe: offset + 32 <= end <= byteCount.
            let a = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: SIMD4<UInt32>.self)
            let b = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ 16, as: SIMD4<UInt32>.self)
            let wide = SIMD4<UInt64>(truncatingIfNeeded: a) &+ SIMD4<UInt64>(truncatingIfNeeded: b)
            first &+= wide[0] &+ wide[1]
            second &+= wide[2] &+ wide[3]
            offset &+= 32
        }
        while offset &+ 4 <= end {
            // Safe: offset + 4 <= end <= byteCount.
            first &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
            offset &+= 4
        }
        if offset &+ 2 <= end {
            first &+= UInt64(bytes.native(UInt16.self, at: offset))
            offset &+= 2
        }
        if offset < end { first &+= UInt64(UInt16(littleEndian: UInt16(bytes.native(UInt8.self, at: offset)))) }
        sum &+= first &+ second
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
