/// The retransmission timer (RFC 6298 §5), the tail loss probe's (RFC 8985 §7) and the persist timer
/// (RFC 9293 §3.8.6.1), of which only one runs at a time.
extension Stack {
    /// Shorter pauses than this are more often a scheduler's than a loss.
    private static var leastProbeTimeout: UInt64 { 5_000_000 }

    /// After data was sent (`afterData`) or acknowledged.
    mutating func armRetransmission(_ index: UInt32, afterData: Bool = false) {
        let flight = blocks[index].flightSize
        guard flight > 0 else {
            blocks[index].retransmissionDeadline = TransmissionControlBlock.never
            blocks[index].retransmissionKind = .timeout
            return
        }
        let timeout = blocks[index].estimator.timeout(limits: timing.limits)
        if blocks[index].mayProbeTail {
            // RFC 8985 §7.2: two round trips, and the peer's delay of its ACK if it has but one segment to acknowledge.
            var probe = max(2 &* blocks[index].estimator.smoothed, Self.leastProbeTimeout)
            if flight <= blocks[index].segmentSize { probe &+= timing.limits.minimum }
            let limit = max(blocks[index].progressAt &+ timeout, now.nanoseconds)
            blocks[index].retransmissionKind = .tailProbe
            blocks[index].retransmissionDeadline = min(now.nanoseconds &+ probe, limit)
            return
        }
        let isRunning =
            blocks[index].retransmissionKind == .timeout
            && blocks[index].retransmissionDeadline != TransmissionControlBlock.never
        if afterData && isRunning { return }
        blocks[index].retransmissionKind = .timeout
        blocks[index].retransmissionDeadline = now.nanoseconds &+ timeout
    }

    /// Nothing may be sent: if only the peer's window is in the way, it is probed until it opens.
    mutating func persistIfClosed(_ index: UInt32) {
        let state = blocks[index].state
        guard state == .established || state == .closeWait, blocks[index].unsentByteCount > 0,
            blocks[index].flightSize == 0, blocks[index].retransmissionKind != .persist
        else { return }
        blocks[index].retransmissionKind = .persist
        blocks[index].retransmissionDeadline =
            now.nanoseconds &+ blocks[index].estimator.timeout(limits: timing.limits)
        record(index, .zeroWindow, UInt32(clamping: blocks[index].unsentByteCount))
    }

    mutating func retransmissionExpired(_ index: UInt32, _ arrival: inout Arrival) {
        blocks[index].retransmissionDeadline = TransmissionControlBlock.never
        switch blocks[index].retransmissionKind {
        case .handshake:
            blocks[index].probeCount &+= 1
            blocks[index].estimator.backoff &+= 1
            blocks[index].flags.insert(.synchronize)
            record(index, .retransmissionTimeout, UInt32(blocks[index].probeCount))
        case .tailProbe:
            blocks[index].flags.insert(.tailProbe)
            blocks[index].retransmissionKind = .timeout
            blocks[index].retransmissionDeadline =
                now.nanoseconds &+ blocks[index].estimator.timeout(limits: timing.limits)
        case .persist: persistExpired(index, &arrival)
        case .timeout: timeoutExpired(index, &arrival)
        }
        if blocks[index].state != .closed { ready.append(index) }
    }

    /// The user timeout (RFC 9293 §3.8.3): a peer that answers with a closed window is alive.
    private mutating func isGivenUp(_ index: UInt32) -> Bool {
        let since =
            blocks[index].sendWindow == 0
            ? max(blocks[index].heardAt, blocks[index].progressAt) : blocks[index].progressAt
        let elapsed = now.nanoseconds &- since
        let own = UInt64(blocks[index].userTimeoutSeconds) &* 1_000_000_000
        guard elapsed >= (own == 0 ? timing.user : own) else { return false }
        counters[.userTimeouts] &+= 1
        record(index, .userTimeout, UInt32(clamping: elapsed / 1_000_000))
        return true
    }

    private mutating func persistExpired(_ index: UInt32, _ arrival: inout Arrival) {
        if isGivenUp(index) {
            end(index, .timedOut, &arrival)
            return
        }
        counters[.windowProbes] &+= 1
        blocks[index].flags.insert(.windowProbe | .overrideSilly)
        blocks[index].probeCount = min(blocks[index].probeCount, 15) + 1
        record(index, .windowProbe, UInt32(blocks[index].probeCount))
        let timeout = blocks[index].estimator.timeout(limits: timing.limits)
        blocks[index].retransmissionDeadline =
            now.nanoseconds &+ min(timeout &<< UInt64(blocks[index].probeCount), timing.limits.maximum)
    }

    /// RFC 6298 §5.4 to §5.7, RFC 8985 §6.3.
    private mutating func timeoutExpired(_ index: UInt32, _ arrival: inout Arrival) {
        guard blocks[index].flightSize > 0 else { return }
        if isGivenUp(index) {
            end(index, .timedOut, &arrival)
            return
        }
        counters[.retransmissionTimeouts] &+= 1
        blocks[index].congestion.collapse(
            isFirst: blocks[index].recovery.phase != .timeout, segmentSize: blocks[index].segmentSize)
        blocks[index].noteWindowReduced()
        // What retransmissions before the timeout show about it is nothing.
        if blocks[index].recovery.phase != .timeout { blocks[index].spurious.begin() }
        blocks[index].recovery.phase = .timeout
        blocks[index].recovery.point = blocks[index].sendNext
        blocks[index].duplicateAcknowledgmentCount = 0
        blocks[index].flags.subtract(.tailProbe | .tailProbeOutstanding)
        blocks[index].flags.insert(.forceRetransmission)
        blocks[index].reorderingDeadline = TransmissionControlBlock.never
        var scoreboard = blocks[index].scoreboard
        // A sacked range at SND.UNA is one the peer discarded, or its ACK would cover it.
        if scoreboard.head != noIndex && records.elements[scoreboard.head].marks.contains(.sacked) {
            scoreboard.forgetSacked(in: records)
        }
        let window = blocks[index].rack.reorderingWindow(isCertain: true, estimator: blocks[index].estimator)
        blocks[index].rack.markLossesOnTimeout(window: window, at: now, &scoreboard, in: records)
        blocks[index].scoreboard = scoreboard
        blocks[index].estimator.backoff = min(blocks[index].estimator.backoff, 15) + 1
        blocks[index].timeoutCount.increment()
        record(index, .retransmissionTimeout, UInt32(blocks[index].estimator.backoff))
        if blocks[index].estimator.backoff == 3 {
            counters[.stalled] &+= 1
            arrival.events.insert(.stalled)
        }
        blocks[index].retransmissionKind = .timeout
        blocks[index].retransmissionDeadline =
            now.nanoseconds &+ blocks[index].estimator.timeout(limits: timing.limits)
    }
}

extension TransmissionControlBlock {
    /// RFC 8985 §7.2: one probe a flight, while nothing is known to be lost.
    @inline(__always)
    var mayProbeTail: Bool {
        flags.contains(.selective) && recovery.phase == .open && scoreboard.sackedByteCount == 0
            && scoreboard.lostByteCount == 0 && estimator.hasSample
            && flags.isDisjoint(with: .tailProbe | .tailProbeOutstanding) && estimator.backoff == 0
    }
}
