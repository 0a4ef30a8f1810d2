extension RawSpan {
    /// The big-endian integer at `offset`. Traps past the end.
    @inlinable @inline(always)
    public func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T {
        // Safe: every bit pattern of a fixed-width integer is valid, and the load is bounds-checked.
        T(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The integer at `offset` as it lies in memory. Traps past the end.
    @inlinable @inline(always)
    public func native<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T {
        // Safe: as above.
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
    }
}

extension MutableRawSpan {
    /// Stores `value` in network byte order. Traps past the end.
    @inlinable @inline(always) @_lifetime(self: copy self)
    public mutating func storeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }

    /// Stores `value` as it lies in memory. Traps past the end.
    @inlinable @inline(always) @_lifetime(self: copy self)
    public mutating func storeNative<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: T.self)
    }
}
