public import Synchronization

/// A producer index, consumer index or flags word in memory shared with the kernel.
@safe public struct SharedIndex {
    @usableFromInline let word: UnsafePointer<Atomic<UInt32>>

    /// - Parameter word: Four aligned bytes that stay mapped for this value's lifetime.
    @unsafe public init(word: UnsafeMutableRawPointer) {
        unsafe self.word = UnsafePointer(word.assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    /// Reads the index the kernel stores; its writes before that store are visible after this call.
    @inlinable public func loadAcquiring() -> UInt32 { unsafe word.pointee.load(ordering: .acquiring) }

    /// Reads a flags word, or an index nobody else writes.
    @inlinable public func loadRelaxed() -> UInt32 { unsafe word.pointee.load(ordering: .relaxed) }

    /// Publishes our index; our reads and writes before this call happen before the kernel's.
    @inlinable public func storeReleasing(_ index: UInt32) { unsafe word.pointee.store(index, ordering: .releasing) }
}
