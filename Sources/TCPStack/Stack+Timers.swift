extension Stack {
    /// When `nextEvent` has something to do at the latest; nil when only a segment or the application can cause work.
    /// It may be early, never late by more than the timers' granularity of 262 µs.
    public var nextDeadline: Instant? { timers.nextDeadline.map { Instant(nanoseconds: $0) } }

    /// Sees to it that the connection's first deadline is looked at in time.
    @inline(__always)
    mutating func schedule(_ index: UInt32) {
        let deadline = blocks[index].firstDeadline
        if deadline != TransmissionControlBlock.never { timers.set(index, noLaterThan: deadline) }
    }

    /// Runs timers that are due; call it until nil before `nextSegment`.
    public mutating func nextEvent(at now: Instant) -> Event? {
        begin(now)
        while let index = timers.expired(at: now) {
            if let event = expire(index) { return event }
        }
        return nil
    }

    private mutating func expire(_ index: UInt32) -> Event? {
        let time = now.nanoseconds
        let connection = id(index)
        if blocks[index].state == .closed {
            // `fail` left the block for this.
            release(index)
            return Event(connection: connection, events: .closed, reason: .aborted)
        }
        var arrival = Arrival(connection: connection)
        if blocks[index].reorderingDeadline <= time { reorderingExpired(index) }
        if blocks[index].acknowledgmentDeadline <= time {
            blocks[index].acknowledgmentDeadline = TransmissionControlBlock.never
            counters[.delayedAcknowledgments] &+= 1
            acknowledgeNow(index)
        }
        if blocks[index].retransmissionDeadline <= time { retransmissionExpired(index, &arrival) }
        if arrival.reason == nil && blocks[index].state != .closed && blocks[index].stateDeadline <= time {
            stateExpired(index, &arrival)
        }
        if blocks[index].state == .closed {
            guard let connection = arrival.connection, arrival.events.contains(.closed) else { return nil }
            return Event(connection: connection, events: arrival.events, reason: arrival.reason)
        }
        if blocks[index].applicationDeadline <= time {
            blocks[index].applicationDeadline = TransmissionControlBlock.never
            if blocks[index].flags.contains(.closePending) && blocks[index].unreadByteCount == 0 {
                report(index, &arrival.events)
            } else {
                arrival.events.insert(.timer)
            }
        }
        schedule(index)
        guard !arrival.events.isEmpty else { return nil }
        return Event(
            connection: id(index), events: arrival.events, reason: arrival.events.contains(.closed) ? .finished : nil)
    }

    private mutating func reorderingExpired(_ index: UInt32) {
        blocks[index].reorderingDeadline = TransmissionControlBlock.never
        detectLosses(index)
        if blocks[index].scoreboard.lostByteCount > 0 && blocks[index].recovery.phase == .open {
            enterRecovery(index, flightBefore: blocks[index].flightSize)
        }
        ready.append(index)
    }

    /// Keepalive, and the limits of states that wait for the peer.
    private mutating func stateExpired(_ index: UInt32, _ arrival: inout Arrival) {
        let idle = now.nanoseconds &- blocks[index].heardAt
        switch blocks[index].state {
        case .timeWait:
            if blocks[index].flags.contains(.reported) {
                release(index)
            } else {
                // The application still has bytes to take; the end is reported to it first.
                blocks[index].stateDeadline = now.nanoseconds &+ timing.timeWait
            }
        case .synSent, .synReceived: end(index, .timedOut, &arrival)
        case .finWait2:
            if idle < timing.finWait2 {
                blocks[index].stateDeadline = blocks[index].heardAt &+ timing.finWait2
            } else {
                end(index, .timedOut, &arrival)
            }
        default: keepaliveExpired(index, idle: idle, &arrival)
        }
    }

    /// RFC 9293 §3.8.4.
    private mutating func keepaliveExpired(_ index: UInt32, idle: UInt64, _ arrival: inout Arrival) {
        guard blocks[index].flags.contains(.keepalive) else {
            blocks[index].stateDeadline = TransmissionControlBlock.never
            return
        }
        if idle < timing.keepaliveIdle {
            blocks[index].stateDeadline = blocks[index].heardAt &+ timing.keepaliveIdle
            return
        }
        // With data in flight the retransmission timer watches the peer.
        if blocks[index].flightSize > 0 {
            blocks[index].stateDeadline = now.nanoseconds &+ timing.keepaliveIdle
            return
        }
        let probes = (idle &- timing.keepaliveIdle) / max(1, timing.keepaliveInterval)
        if probes >= UInt64(configuration.keepaliveProbes) {
            end(index, .timedOut, &arrival)
            return
        }
        counters[.keepaliveProbes] &+= 1
        record(index, .keepaliveProbe, UInt32(probes) + 1)
        blocks[index].flags.insert(.keepaliveProbe)
        blocks[index].stateDeadline = now.nanoseconds &+ timing.keepaliveInterval
        ready.append(index)
    }
}
