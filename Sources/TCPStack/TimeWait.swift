/// The blocks in TIME_WAIT, the oldest first: the one to take when there is no other.
struct TimeWaitList {
    private(set) var oldest = noIndex
    private var newest = noIndex
    private(set) var count = 0

    mutating func append(_ index: UInt32, in blocks: Table<TransmissionControlBlock>) {
        blocks[index].next = noIndex
        blocks[index].previous = newest
        if newest == noIndex { oldest = index } else { blocks[newest].next = index }
        newest = index
        count &+= 1
    }

    mutating func remove(_ index: UInt32, in blocks: Table<TransmissionControlBlock>) {
        let next = blocks[index].next
        let previous = blocks[index].previous
        if next == noIndex { newest = previous } else { blocks[next].previous = previous }
        if previous == noIndex { oldest = next } else { blocks[previous].next = next }
        count &-= 1
    }
}

extension Stack {
    /// Both directions are finished: RFC 9293 §3.6.1. `arrival` tells the application that it is over, unless bytes
    /// still wait for it.
    mutating func enterTimeWait(_ index: UInt32, _ events: inout ConnectionEvents) {
        counters[.timeWaitEntered] &+= 1
        record(index, .timeWait)
        blocks[index].state = .timeWait
        blocks[index].retransmissionDeadline = TransmissionControlBlock.never
        blocks[index].reorderingDeadline = TransmissionControlBlock.never
        blocks[index].stateDeadline = now.nanoseconds &+ timing.timeWait
        blocks[index].scoreboard.clear(&records)
        if blocks[index].flags.contains(.orphan) {
            blocks[index].flags.remove(.orphan)
            orphanCount -= 1
        }
        timeWait.append(index, in: blocks)
        schedule(index)
        if blocks[index].unreadByteCount > 0 {
            blocks[index].flags.insert(.closePending)
        } else {
            report(index, &events)
        }
        if timeWait.count > configuration.timeWaitLimit { recycleTimeWait() }
    }

    /// Tells the application that the connection is over; the block lives on in TIME_WAIT.
    mutating func report(_ index: UInt32, _ events: inout ConnectionEvents) {
        guard !blocks[index].flags.contains(.reported) else { return }
        blocks[index].flags.insert(.reported)
        blocks[index].flags.remove(.closePending)
        blocks[index].applicationDeadline = TransmissionControlBlock.never
        counters[.closedNormally] &+= 1
        record(index, .closed, UInt32(CloseReason.finished.rawValue))
        events.insert(.closed)
    }

    /// Gives up the oldest block in TIME_WAIT that no application waits for. False when there is none.
    @discardableResult
    mutating func recycleTimeWait() -> Bool {
        var index = timeWait.oldest
        while index != noIndex && !blocks[index].flags.contains(.reported) { index = blocks[index].next }
        guard index != noIndex else { return false }
        counters[.timeWaitRecycled] &+= 1
        release(index)
        return true
    }
}
