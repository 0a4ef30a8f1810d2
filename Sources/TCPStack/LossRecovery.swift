/// From what an acknowledgment delivered to what is lost, and to how much may be sent.
extension Stack {
    mutating func recover(
        _ index: UInt32, _ delivery: Delivery, advanced: Bool, isDuplicate: Bool, sawDuplicate: Bool,
        flightBefore: UInt32
    ) {
        let segmentSize = blocks[index].segmentSize
        let leaves =
            blocks[index].recovery.phase != .open
            && blocks[index].recovery.point <= blocks[index].sendUnacknowledged
        blocks[index].rack.adaptWindow(
            sawDuplicate: sawDuplicate, acknowledgment: blocks[index].sendUnacknowledged,
            sendNext: blocks[index].sendNext, leavesRecovery: leaves)
        if leaves { leaveRecovery(index) }
        let lostBefore = blocks[index].scoreboard.lostByteCount
        if blocks[index].flags.contains(.selective) {
            detectLosses(index)
        } else {
            countDuplicates(index, advanced: advanced, isDuplicate: isDuplicate, delivered: delivery.byteCount)
        }
        let lostMore = blocks[index].scoreboard.lostByteCount > lostBefore
        if blocks[index].recovery.phase == .open && blocks[index].scoreboard.lostByteCount > 0 {
            enterRecovery(index, flightBefore: flightBefore)
        }
        if blocks[index].recovery.phase == .fast {
            let delivered = delivery.byteCount == 0 && isDuplicate ? segmentSize : delivery.byteCount
            let window = blocks[index].recovery.window(
                delivered: delivered, pipe: blocks[index].pipe, threshold: blocks[index].congestion.slowStartThreshold,
                segmentSize: segmentSize, isSafe: advanced && !lostMore)
            blocks[index].congestion.setWindow(window)
        } else if advanced {
            grow(index, delivery, flightBefore: flightBefore)
        }
    }

    private mutating func grow(_ index: UInt32, _ delivery: Delivery, flightBefore: UInt32) {
        let isInSlowStart = blocks[index].congestion.isInSlowStart
        // A window that was not used is not known to fit (RFC 7661 §4.3); slow start may run ahead by its doubling.
        let isUsed =
            blocks[index].flags.contains(.windowLimited)
            || (isInSlowStart && blocks[index].congestion.window < 2 &* flightBefore)
        guard isUsed else { return }
        let byteCount = blocks[index].congestion.searchThreshold(
            delivery.byteCount, blocks[index].sendUnacknowledged, sendNext: blocks[index].sendNext,
            roundTrip: delivery.latestSentAt == 0 ? 0 : now.nanoseconds &- delivery.latestSentAt)
        blocks[index].congestion.grow(
            byteCount, at: now, smoothedRoundTrip: blocks[index].estimator.smoothed,
            segmentSize: blocks[index].segmentSize)
    }

    /// RACK's step 5 now, and when to do it again.
    mutating func detectLosses(_ index: UInt32) {
        guard !blocks[index].scoreboard.isEmpty else {
            blocks[index].reorderingDeadline = TransmissionControlBlock.never
            return
        }
        let enoughSacked = blocks[index].scoreboard.sackedByteCount >= 3 &* blocks[index].segmentSize
        let window = blocks[index].rack.reorderingWindow(
            isCertain: enoughSacked || blocks[index].recovery.phase != .open, estimator: blocks[index].estimator)
        var scoreboard = blocks[index].scoreboard
        let timeout = blocks[index].rack.detectLosses(window: window, at: now, &scoreboard, in: records)
        blocks[index].scoreboard = scoreboard
        blocks[index].reorderingDeadline = timeout.map { now.nanoseconds &+ $0 } ?? TransmissionControlBlock.never
    }

    /// Without SACK: three duplicate acknowledgments mean a loss (RFC 5681 §3.2), a partial acknowledgment the next
    /// (RFC 6582 §3.2).
    private mutating func countDuplicates(_ index: UInt32, advanced: Bool, isDuplicate: Bool, delivered: UInt32) {
        let segmentSize = blocks[index].segmentSize
        if isDuplicate {
            blocks[index].duplicateAcknowledgmentCount = min(blocks[index].duplicateAcknowledgmentCount, 254) + 1
            if blocks[index].duplicateAcknowledgmentCount == 3 && blocks[index].recovery.phase == .open {
                blocks[index].scoreboard.markFirstLost(segmentSize, in: &records)
            }
        } else if advanced {
            let arrived = delivered / segmentSize
            let count = UInt32(blocks[index].duplicateAcknowledgmentCount)
            if blocks[index].recovery.phase == .fast {
                blocks[index].duplicateAcknowledgmentCount = UInt8(count - min(count, arrived > 0 ? arrived - 1 : 0))
                blocks[index].scoreboard.markFirstLost(segmentSize, in: &records)
            } else {
                blocks[index].duplicateAcknowledgmentCount = 0
            }
        }
    }

    mutating func enterRecovery(_ index: UInt32, flightBefore: UInt32) {
        counters[.recoveries] &+= 1
        counters[.fastRetransmits] &+= 1
        blocks[index].recoveryCount.increment()
        record(index, .fastRecovery, blocks[index].scoreboard.lostByteCount)
        blocks[index].recovery.begin(blocks[index].sendNext, flightSize: flightBefore)
        blocks[index].congestion.reduce(segmentSize: blocks[index].segmentSize)
        blocks[index].noteWindowReduced()
        blocks[index].spurious.begin()
        blocks[index].flags.insert(.forceRetransmission)
        blocks[index].flags.remove(.tailProbeOutstanding)
    }

    private mutating func leaveRecovery(_ index: UInt32) {
        if blocks[index].recovery.phase == .fast {
            blocks[index].congestion.setWindow(
                max(blocks[index].congestion.slowStartThreshold, 2 &* blocks[index].segmentSize))
        }
        blocks[index].recovery.phase = .open
        record(index, .recoveryEnded, blocks[index].congestion.window)
        blocks[index].duplicateAcknowledgmentCount = 0
        blocks[index].flags.remove(.forceRetransmission)
    }

    /// RFC 8985 §7.4.2: what became of a tail loss probe.
    mutating func endTailProbe(
        _ index: UInt32, _ segment: SegmentHeader, isDuplicate: Bool, sawDuplicate: Bool
    ) {
        guard blocks[index].flags.contains(.tailProbeOutstanding) else { return }
        let end = blocks[index].tailProbeEnd
        guard end <= segment.acknowledgment else { return }
        let wasRetransmission = blocks[index].flags.contains(.tailProbeRetransmitted)
        if !wasRetransmission || sawDuplicate {
            blocks[index].flags.remove(.tailProbeOutstanding)
        } else if end < segment.acknowledgment {
            // The probe repaired a loss that nothing else showed: the window shrinks all the same.
            blocks[index].flags.remove(.tailProbeOutstanding)
            if blocks[index].recovery.phase == .open {
                blocks[index].congestion.reduce(segmentSize: blocks[index].segmentSize)
            }
        } else if isDuplicate && segment.options.blockCount == 0 {
            blocks[index].flags.remove(.tailProbeOutstanding)
        }
    }
}
