/// The side of a FILL or TX ring that this process writes. One worker owns it.
public struct ProducerRing<Slot: BitwiseCopyable>: ~Copyable {
    public let ring: Ring<Slot>
    /// The last consumer index seen; refreshed only once the ring looks full.
    @usableFromInline var cachedConsumer: UInt32
    @usableFromInline var produced: UInt32

    public init(_ ring: Ring<Slot>) {
        self.ring = ring
        self.produced = ring.producer.loadAcquiring()
        self.cachedConsumer = ring.consumer.loadAcquiring()
    }

    /// Free slots, at most the ring's capacity; looks at the kernel's index only when fewer than `wanted` are known.
    @inlinable public mutating func room(wanted: UInt32) -> UInt32 {
        if ring.capacity &- (produced &- cachedConsumer) < wanted { cachedConsumer = ring.consumer.loadAcquiring() }
        return ring.capacity &- (produced &- cachedConsumer)
    }

    /// Writes `slot`, or returns false when the ring is full. `publish()` shows it to the kernel.
    @inlinable public mutating func append(_ slot: Slot) -> Bool {
        guard room(wanted: 1) > 0 else { return false }
        ring.setSlot(produced, to: slot)
        produced &+= 1
        return true
    }

    /// Shows every appended slot to the kernel, in one store a burst.
    @inlinable public func publish() { ring.producer.storeReleasing(produced) }

    /// Published slots that the kernel has not taken yet.
    @inlinable public var unconsumedCount: UInt32 { produced &- ring.consumer.loadAcquiring() }

    /// Whether the kernel has taken every published slot.
    @inlinable public var isDrained: Bool { unconsumedCount == 0 }
}
