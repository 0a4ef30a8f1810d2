/// The connections that may have something to transmit, first come first served. Links are stored plus one, so that
/// untouched memory reads as "not queued".
struct ReadyQueue: ~Copyable {
    struct Link: BitwiseCopyable {
        private var word: UInt32
        var previous: UInt32

        private static let queuedMark: UInt32 = 1 << 31

        init(queuedAfter previous: UInt32) {
            word = Self.queuedMark
            self.previous = previous
        }

        /// Capacities are far below 2^31.
        var next: UInt32 {
            get { word & ~Self.queuedMark }
            set { word = word & Self.queuedMark | newValue }
        }
        var isQueued: Bool { word & Self.queuedMark != 0 }

        mutating func clear() {
            word = 0
            previous = 0
        }
    }

    private let links: MappedTable<Link>
    private var head: UInt32 = 0
    private var tail: UInt32 = 0

    init(capacity: Int) { links = MappedTable(capacity: capacity) }

    var first: UInt32? { head == 0 ? nil : head &- 1 }

    func contains(_ index: UInt32) -> Bool { links.elements[index].isQueued }

    /// Queues the connection unless it is queued.
    @inline(__always)
    mutating func append(_ index: UInt32) {
        if links.elements[index].isQueued { return }
        links.elements[index] = Link(queuedAfter: tail)
        if tail != 0 { links.elements[tail &- 1].next = index &+ 1 } else { head = index &+ 1 }
        tail = index &+ 1
    }

    mutating func remove(_ index: UInt32) {
        let link = links.elements[index]
        if !link.isQueued { return }
        if link.next != 0 { links.elements[link.next &- 1].previous = link.previous } else { tail = link.previous }
        if link.previous != 0 { links.elements[link.previous &- 1].next = link.next } else { head = link.next }
        links.elements[index].clear()
    }

    /// Moves the first to the end.
    mutating func rotate() {
        guard head != tail else { return }
        let index = head &- 1
        remove(index)
        append(index)
    }
}
