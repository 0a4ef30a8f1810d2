import Glibc

/// A range of bytes within the span a message was parsed from. Offsets instead of pointers: a slice outlives the span.
/// Sixteen bits each: `HeadLimits` keeps heads below 64 KiB.
@frozen public struct ByteSlice: Equatable, BitwiseCopyable, Sendable {
    public var offset: UInt16
    public var count: UInt16

    @inlinable public init(offset: UInt16, count: UInt16) {
        self.offset = offset
        self.count = count
    }

    @inlinable public init(_ start: Int, _ end: Int) {
        offset = UInt16(truncatingIfNeeded: start)
        count = UInt16(truncatingIfNeeded: end &- start)
    }

    /// The value of a field the message does not have; not the same as an empty value.
    @inlinable public static var absent: ByteSlice { ByteSlice(offset: .max, count: 0) }
    @inlinable public var isPresent: Bool { offset != .max }
    @inlinable public var isEmpty: Bool { count == 0 }
    @inlinable public var range: Range<Int> { Int(offset)..<(Int(offset) &+ Int(count)) }
}

extension RawSpan {
    /// The byte at `offset`. Traps past the end.
    @inlinable @inline(always)
    public func octet(_ offset: Int) -> UInt8 {
        // Safe: bounds-checked, and every bit pattern is a UInt8.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The byte at `offset`, which the caller's loop condition keeps below `byteCount`.
    @inlinable @inline(always)
    public func octet(unchecked offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < byteCount)
        // Safe: the assertion above, established by every caller's loop.
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    @_lifetime(copy self)
    @inlinable public func extracting(_ slice: ByteSlice) -> RawSpan { extracting(slice.range) }

    /// Whether the bytes of `range` are `text`, which is written in lowercase, without regard to ASCII case.
    @inlinable public func matches(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount, range.upperBound <= byteCount else { return false }
        for index in 0..<range.count {
            // Safe: index < utf8CodeUnitCount.
            let expected = unsafe text.utf8Start[index]
            var actual = octet(unchecked: range.lowerBound &+ index)
            if actual &- 0x41 < 26 { actual |= 0x20 }
            if actual != expected { return false }
        }
        return true
    }

    /// Whether `text` starts at `offset`; it is short, and the comparison is one of registers.
    @inline(__always)
    func equals(_ text: StaticString, at offset: Int) -> Bool {
        guard offset &+ text.utf8CodeUnitCount <= byteCount else { return false }
        return unsafe withUnsafeBytes { bytes in
            // Safe: both have utf8CodeUnitCount bytes.
            unsafe memcmp(bytes.baseAddress! + offset, text.utf8Start, text.utf8CodeUnitCount) == 0
        }
    }

    /// Whether the bytes of `range` are exactly `text`.
    @inlinable public func equals(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount, range.upperBound <= byteCount else { return false }
        for index in 0..<range.count {
            // Safe: index < utf8CodeUnitCount.
            let expected = unsafe text.utf8Start[index]
            if octet(unchecked: range.lowerBound &+ index) != expected { return false }
        }
        return true
    }
}
