import HTTP1

/// Slots of raw memory, all of one size.
@safe struct ByteSlots: ~Copyable {
    private let memory: AnonymousMemory
    let slotByteCount: Int

    init(slotByteCount: Int, capacity: Int = 1) throws(WebServerError) {
        memory = try AnonymousMemory(byteCount: slotByteCount * capacity)
        self.slotByteCount = slotByteCount
    }

    /// Bytes of one slot.
    @_lifetime(borrow self)
    func bytes(_ slot: UInt32, _ range: Range<Int>) -> RawSpan {
        let start = checkedStart(slot, range)
        // Safe: checkedStart established that the range lies in the slot, and the slot in the mapping.
        let span = unsafe UnsafeRawBufferPointer(start: memory.base + start, count: range.count).bytes
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Bytes of the only slot.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> RawSpan { bytes(0, range) }

    /// Bytes of a slot, for a caller that neither writes to the slot nor gives it back while it reads them.
    @_lifetime(immortal)
    func unownedBytes(_ slot: UInt32, _ range: Range<Int>) -> RawSpan {
        let start = checkedStart(slot, range)
        // Safe: as above, and the mapping lives as long as the server, whose methods are the callers.
        let span = unsafe UnsafeRawBufferPointer(start: memory.base + start, count: range.count).bytes
        return unsafe _overrideLifetime(span, copying: ())
    }

    /// Writes to a slot from `offset` on.
    mutating func writer(_ slot: UInt32 = 0, from offset: Int = 0) -> ByteWriter {
        let start = checkedStart(slot, offset..<slotByteCount)
        // Safe: as above; no writer outlives the call that asked for it.
        return unsafe ByteWriter(memory.base + start, capacity: slotByteCount &- offset)
    }

    private func checkedStart(_ slot: UInt32, _ range: Range<Int>) -> Int {
        let start = Int(slot) &* slotByteCount
        precondition(range.lowerBound >= 0 && range.upperBound <= slotByteCount)
        precondition(start &+ slotByteCount <= memory.byteCount)
        return start &+ range.lowerBound
    }
}
