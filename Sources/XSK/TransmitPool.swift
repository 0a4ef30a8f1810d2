/// Which transmit frames of a UMEM are free. Last in, first out: the frame used last is still in the cache.
@safe public struct TransmitPool: ~Copyable {
    @usableFromInline let free: UnsafeMutablePointer<UInt32>
    @usableFromInline var freeCount: Int
    public let frameCount: Int

    public init(frameCount: Int) {
        self.frameCount = frameCount
        unsafe free = .allocate(capacity: frameCount)
        // The first frame is on top, so that a lightly used UMEM touches few pages.
        for index in 0..<frameCount { unsafe (free + index).initialize(to: UInt32(frameCount - 1 - index)) }
        freeCount = frameCount
    }

    @inlinable public var available: Int { freeCount }

    @inlinable public mutating func take() -> UInt32? {
        guard freeCount > 0 else { return nil }
        freeCount &-= 1
        // Safe: 0 <= freeCount < frameCount.
        return unsafe free[freeCount]
    }

    /// - Precondition: `frame` was taken and not put back.
    @inlinable public mutating func put(_ frame: UInt32) {
        precondition(freeCount < frameCount && frame < UInt32(frameCount), "a transmit frame came back twice")
        unsafe free[freeCount] = frame
        freeCount &+= 1
    }

    deinit { unsafe free.deallocate() }
}
