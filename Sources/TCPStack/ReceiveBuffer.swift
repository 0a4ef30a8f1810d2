/// One connection's part of the receive pool: a run of memory that maps sequence numbers from `base` on, held only
/// while unread or out-of-order bytes are.
struct ReceiveBuffer: BitwiseCopyable {
    private var block = noIndex
    private var order: UInt8 = 0
    private var base = SequenceNumber(0)
    /// The end of what was stored.
    private var highest = SequenceNumber(0)

    var isHeld: Bool { block != noIndex }
    var heldByteCount: Int { isHeld ? ReceivePool.byteCount(order: order) : 0 }

    private var offset: Int { Int(block) &<< ReceivePool.smallestShift }
    private var capacity: UInt32 { UInt32(ReceivePool.byteCount(order: order)) }

    /// Copies `frame[range]`, which starts at `sequence`; bytes before `read` are not needed any more.
    /// False when the pool has no room for it.
    mutating func store(
        _ frame: RawSpan, _ range: Range<Int>, at sequence: SequenceNumber, read: SequenceNumber,
        in pool: inout ReceivePool
    ) -> Bool {
        let end = sequence + range.count
        if !isHeld {
            guard let order = pool.order(for: Int(end - read)), let taken = pool.take(order: order) else {
                return false
            }
            block = taken
            self.order = order
            base = read
            highest = read
        }
        let newHighest = SequenceNumber.latest(highest, end)
        if newHighest - base > capacity { guard makeRoom(for: newHighest, read: read, in: &pool) else { return false } }
        pool.memory.write(frame, range, at: offset &+ Int(sequence - base))
        highest = newHighest
        return true
    }

    /// Moves what is held to the front, into a larger block unless half of this one suffices.
    private mutating func makeRoom(for end: SequenceNumber, read: SequenceNumber, in pool: inout ReceivePool) -> Bool {
        let needed = end - read
        // All that is held may lie before `read`, when a segment that was used where it lay covers it.
        let held = highest < read ? 0 : Int(highest - read)
        let source = held == 0 ? offset : offset &+ Int(read - base)
        if needed > capacity / 2, let larger = largerBlock(for: needed, in: &pool) {
            pool.memory.move(from: source, to: Int(larger.block) &<< ReceivePool.smallestShift, count: held)
            pool.give(block, order: order)
            block = larger.block
            order = larger.order
        } else {
            guard needed <= capacity else { return false }
            pool.memory.move(from: source, to: offset, count: held)
        }
        base = read
        return true
    }

    private func largerBlock(for byteCount: UInt32, in pool: inout ReceivePool) -> (block: UInt32, order: UInt8)? {
        guard let order = pool.order(for: max(Int(byteCount), Int(capacity) &* 2)) ?? pool.order(for: Int(byteCount)),
            order > self.order, let block = pool.take(order: order)
        else { return nil }
        return (block, order)
    }

    /// Where the bytes from `read` on lie in the pool's memory.
    func position(of read: SequenceNumber) -> Int { offset &+ Int(read - base) }

    mutating func release(to pool: inout ReceivePool) {
        guard isHeld else { return }
        pool.give(block, order: order)
        block = noIndex
    }
}
