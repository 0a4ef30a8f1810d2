/// Names one connection of one stack: a dense index, and a generation that makes the ID of a connection that is gone
/// harmless. Every call with a stale ID does nothing and answers zero.
@frozen public struct ConnectionID: Hashable, Sendable, BitwiseCopyable {
    /// `0..<configuration.connectionCapacity`; taken again only after the connection's `closed` event.
    public let index: UInt32
    public let generation: UInt32

    @inlinable public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}
