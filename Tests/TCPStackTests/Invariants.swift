import PacketHeaders

@testable import TCPStack

/// What must hold for a stack between any two calls.
extension Stack {
    /// What does not hold, in words; empty when all is well.
    func brokenInvariants() -> [String] {
        var broken: [String] = []
        var records = 0
        var ranges = 0
        var bufferByteCount = 0
        var used = 0
        var halfOpen = 0
        for index in 0..<UInt32(configuration.connectionCapacity) where blocks[index].generation & 1 == 1 {
            used += 1
            if blocks[index].state == .closed { continue }
            if blocks[index].state == .synReceived && blocks[index].flags.contains(.passive) { halfOpen += 1 }
            broken += brokenScoreboard(index, &records) + brokenReassembly(index, &ranges, &bufferByteCount)
            broken += brokenTimers(index)
        }
        func expect(_ holds: Bool, _ words: String) { if !holds { broken.append(words) } }
        expect(used == connectionCount, "\(used) blocks in use, \(connectionCount) counted")
        expect(halfOpen == halfOpenCount, "\(halfOpen) half open, \(halfOpenCount) counted")
        expect(records == self.records.capacity - self.records.freeCount, "transmission records leak")
        expect(ranges == self.ranges.capacity - self.ranges.freeCount, "received ranges leak")
        expect(bufferByteCount == receivePool.usedByteCount, "receive pool leaks")
        return broken
    }

    private func brokenScoreboard(_ index: UInt32, _ count: inout Int) -> [String] {
        var broken: [String] = []
        let scoreboard = blocks[index].scoreboard
        var expected = blocks[index].sendUnacknowledged
        var sacked: UInt32 = 0
        var lost: UInt32 = 0
        var previous = noIndex
        var record = scoreboard.head
        while record != noIndex {
            let element = records.elements[record]
            if element.start != expected { broken.append("\(index): scoreboard has a hole") }
            if element.byteCount == 0 || element.byteCount > 1 << 30 {
                broken.append("\(index): scoreboard range is empty")
            }
            if element.previous != previous { broken.append("\(index): scoreboard links differ") }
            if element.marks.contains(.sacked) { sacked &+= element.byteCount }
            if element.marks.contains(.lost) { lost &+= element.byteCount }
            if element.marks.isSuperset(of: [.sacked, .lost]) { broken.append("\(index): sacked and lost") }
            expected = element.end
            count += 1
            previous = record
            record = element.next
            if count > records.capacity { return ["\(index): scoreboard loops"] }
        }
        if scoreboard.tail != previous { broken.append("\(index): scoreboard's tail is not its last") }
        if blocks[index].isSynchronized && expected != blocks[index].sendNext {
            broken.append("\(index): scoreboard ends before SND.NXT")
        }
        if sacked != scoreboard.sackedByteCount { broken.append("\(index): sacked bytes miscounted") }
        if lost != scoreboard.lostByteCount { broken.append("\(index): lost bytes miscounted") }
        if blocks[index].flightSize > 1 << 30 { broken.append("\(index): SND.NXT before SND.UNA") }
        let maximum = blocks[index].acknowledgedOffset + UInt64(blocks[index].flightSize)
        if blocks[index].isSynchronized && maximum > blocks[index].promisedOffset + 1 {
            broken.append("\(index): sent more than promised")
        }
        return broken
    }

    private func brokenReassembly(_ index: UInt32, _ count: inout Int, _ bufferByteCount: inout Int) -> [String] {
        var broken: [String] = []
        var last = blocks[index].receiveNext
        var range = blocks[index].reassembly.head
        var own = 0
        while range != noIndex {
            let element = ranges.elements[range]
            if !(last < element.start) || !(element.start < element.end) {
                broken.append("\(index): received ranges out of order")
            }
            last = element.end
            own += 1
            range = element.next
        }
        if own != Int(blocks[index].reassembly.count) { broken.append("\(index): received ranges miscounted") }
        count += own
        let needsBuffer = blocks[index].unreadByteCount > 0
        if needsBuffer && !blocks[index].buffer.isHeld { broken.append("\(index): unread bytes without a buffer") }
        if !needsBuffer && own == 0 && blocks[index].buffer.isHeld { broken.append("\(index): a buffer without bytes") }
        bufferByteCount += blocks[index].buffer.heldByteCount
        if blocks[index].receiveRight < blocks[index].receiveNext {
            broken.append("\(index): RCV.NXT beyond the window")
        }
        return broken
    }

    /// A timer runs if and only if something waits for it, and the wheel looks at it in time.
    private func brokenTimers(_ index: UInt32) -> [String] {
        var broken: [String] = []
        let never = TransmissionControlBlock.never
        let isQueued = ready.contains(index)
        let hasFlight = blocks[index].isSynchronized && blocks[index].flightSize > 0 && blocks[index].state != .timeWait
        if hasFlight && blocks[index].retransmissionDeadline == never {
            broken.append("\(index): no retransmission timer")
        }
        if !hasFlight && blocks[index].retransmissionKind == .timeout && blocks[index].isSynchronized
            && blocks[index].retransmissionDeadline != never
        {
            broken.append("\(index): a retransmission timer without data in flight")
        }
        let mayStall =
            (blocks[index].state == .established || blocks[index].state == .closeWait)
            && blocks[index].unsentByteCount > 0 && !hasFlight && !isQueued
        if mayStall && blocks[index].retransmissionDeadline == never {
            broken.append("\(index): data waits for nothing (window \(blocks[index].sendWindow))")
        }
        let first = blocks[index].firstDeadline
        if first != never && !isQueued {
            let tick = timers.dueTick(index)
            if tick == nil || tick! > max(first >> TimerWheel.tickShift + 1, now.nanoseconds >> TimerWheel.tickShift) {
                broken.append("\(index): a deadline the wheel does not know")
            }
        }
        return broken
    }
}
