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

    /// As `bigEndian`, for a caller that compared the length with all it reads. Checked in debug builds.
    @inlinable @inline(always) @unsafe
    public func uncheckedBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T {
        unsafe T(bigEndian: uncheckedNative(T.self, at: offset))
    }

    /// As `native`, for a caller that compared the length with all it reads. Checked in debug builds.
    @inlinable @inline(always) @unsafe
    public func uncheckedNative<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self, at offset: Int) -> T {
        assert(offset >= 0 && offset &+ MemoryLayout<T>.size <= byteCount)
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self)
    }
}

extension MutableRawSpan {
    /// Stores `value` in network byte order. Traps past the end.
    @inlinable @inline(always) @_lifetime(self: copy self)
    public mutating func storeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }

    /// As `storeBigEndian`, for a caller that compared the length with all it writes. Checked in debug builds.
    @inlinable @inline(always) @unsafe @_lifetime(self: copy self)
    public mutating func uncheckedStoreBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        unsafe uncheckedStoreNative(value.bigEndian, at: offset)
    }

    /// As `storeNative`, for a caller that compared the length with all it writes. Checked in debug builds.
    @inlinable @inline(always) @unsafe @_lifetime(self: copy self)
    public mutating func uncheckedStoreNative<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        assert(offset >= 0 && offset &+ MemoryLayout<T>.size <= byteCount)
        unsafe storeBytes(of: value, toUncheckedByteOffset: offset, as: T.self)
    }

    /// Stores `value` as it lies in memory. Traps past the end.
    @inlinable @inline(always) @_lifetime(self: copy self)
    public mutating func storeNative<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: T.self)
    }
}
