/// Where one AF_XDP ring lies in memory mapped from the kernel (Documentation/networking/af_xdp.rst, "Rings").
@safe public struct Ring<Slot: BitwiseCopyable> {
    @usableFromInline let producer: SharedIndex
    @usableFromInline let consumer: SharedIndex
    @usableFromInline let flags: SharedIndex
    @usableFromInline let slots: UnsafeMutablePointer<Slot>
    public let capacity: UInt32

    /// - Parameter capacity: A power of two, as the kernel requires.
    @unsafe public init(
        producer: SharedIndex, consumer: SharedIndex, flags: SharedIndex, slots: UnsafeMutablePointer<Slot>,
        capacity: UInt32
    ) {
        precondition(capacity.nonzeroBitCount == 1, "ring capacity must be a power of two")
        self.producer = producer
        self.consumer = consumer
        self.flags = flags
        unsafe self.slots = slots
        self.capacity = capacity
    }

    /// `XDP_RING_NEED_WAKEUP`: the kernel waits for a system call before it looks at this ring.
    @inlinable public var needsWakeup: Bool { flags.loadRelaxed() & 1 != 0 }

    /// The slot an ever-growing index wraps to; always in bounds.
    @inlinable func slot(_ index: UInt32) -> Slot { unsafe slots[Int(index & (capacity &- 1))] }
    @inlinable func setSlot(_ index: UInt32, to slot: Slot) { unsafe slots[Int(index & (capacity &- 1))] = slot }
}
