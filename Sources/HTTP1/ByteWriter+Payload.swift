extension ByteWriter {
    /// Lets `body` write up to `byteCount` bytes in place; it returns how many it wrote.
    @unsafe @inlinable
    public mutating func appendUninitialized(_ byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        let available = min(byteCount, capacity &- count)
        // Safe: count + available <= capacity.
        let written = unsafe body(UnsafeMutableRawBufferPointer(start: base + count, count: available))
        precondition(written >= 0 && written <= available)
        writtenCount &+= written
    }

    /// Writes over bytes that were appended before.
    @inlinable public mutating func replace(at offset: Int, with bytes: RawSpan) {
        precondition(offset >= 0 && offset &+ bytes.byteCount <= count)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            // Safe: the precondition; the span is not this writer's memory.
            unsafe (base + offset).copyMemory(from: start, byteCount: source.count)
        }
    }
}
