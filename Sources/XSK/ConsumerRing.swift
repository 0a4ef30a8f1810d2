/// The side of an RX or COMPLETION ring that this process reads. One worker owns it.
public struct ConsumerRing<Slot: BitwiseCopyable>: ~Copyable {
    public let ring: Ring<Slot>
    /// The last producer index seen; refreshed only once every slot below it is read.
    @usableFromInline var cachedProducer: UInt32
    @usableFromInline var consumed: UInt32

    public init(_ ring: Ring<Slot>) {
        self.ring = ring
        self.consumed = ring.consumer.loadAcquiring()
        self.cachedProducer = consumed
    }

    /// Slots ready to read, at most `limit`. Never more than the ring holds, whatever the shared index says.
    @inlinable public mutating func available(limit: UInt32) -> UInt32 {
        if cachedProducer == consumed { cachedProducer = ring.producer.loadAcquiring() }
        return min(cachedProducer &- consumed, min(limit, ring.capacity))
    }

    /// As `available`, but looks at the shared index even when some slots are known to be ready.
    @inlinable public mutating func refreshedAvailable(limit: UInt32) -> UInt32 {
        cachedProducer = ring.producer.loadAcquiring()
        return min(cachedProducer &- consumed, min(limit, ring.capacity))
    }

    /// The slot `offset` places after the first unread one.
    @inlinable public func slot(at offset: UInt32) -> Slot { ring.slot(consumed &+ offset) }

    /// Hands `count` slots back to the kernel.
    @inlinable public mutating func release(_ count: UInt32) {
        assert(count <= cachedProducer &- consumed)
        consumed &+= count
        ring.consumer.storeReleasing(consumed)
    }
}
