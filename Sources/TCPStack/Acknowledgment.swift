import PacketHeaders

/// The ACK field, RFC 9293 §3.10.7.4 fifth.
extension Stack {
    /// Returns an arrival when the segment goes no further.
    mutating func acknowledgmentArrives(
        _ index: UInt32, _ frame: RawSpan, _ segment: SegmentHeader, _ arrival: inout Arrival
    ) -> Arrival? {
        if blocks[index].state == .synReceived {
            guard segment.acknowledgment == blocks[index].sendNext else {
                reset(blocks[index].identity, blocks[index].link, answering: segment)
                return drop(.unacceptableAcknowledgment)
            }
            establish(index, segment, &arrival)
        }
        let unacknowledged = blocks[index].sendUnacknowledged
        // RFC 5961 §5.2: neither what was not sent nor what is older than the largest window.
        guard segment.acknowledgment <= blocks[index].sendNext,
            unacknowledged - blocks[index].maximumSendWindow <= segment.acknowledgment
        else { return refuse(index, .unacceptableAcknowledgment) }
        let advanced = unacknowledged < segment.acknowledgment
        let isOld = segment.acknowledgment < unacknowledged
        let windowMoved = !isOld && blocks[index].updateSendWindow(segment)
        if advanced || segment.options.blockCount > 0 || (!isOld && unacknowledged < blocks[index].sendNext) {
            // FIN alone is nothing to tell the application about.
            if advanced && blocks[index].acknowledgedOffset < blocks[index].promisedOffset {
                arrival.events.insert(.acknowledged)
            }
            processAcknowledgment(index, frame, segment, advanced: advanced, windowMoved: windowMoved)
        }
        if windowMoved { windowOpened(index) }
        if advanced && blocks[index].flags.contains(.finAcknowledged) { finAcknowledged(index, &arrival) }
        return nil
    }

    /// SYN_RCVD to ESTABLISHED, or from an active open that crossed the peer's.
    mutating func establish(_ index: UInt32, _ segment: SegmentHeader, _ arrival: inout Arrival) {
        if blocks[index].state == .synReceived && blocks[index].flags.contains(.passive) { halfOpenCount -= 1 }
        counters[.established] &+= 1
        blocks[index].establish(segment, at: now, timing)
        record(index, .established, UInt32(clamping: blocks[index].estimator.smoothed / 1_000))
        ready.append(index)
        arrival.connection = id(index)
        arrival.events.insert(.established)
    }

    /// What an acknowledgment within the window says about data in flight.
    private mutating func processAcknowledgment(
        _ index: UInt32, _ frame: RawSpan, _ segment: SegmentHeader, advanced: Bool, windowMoved: Bool
    ) {
        let flightBefore = blocks[index].flightSize
        var delivery = Delivery(
            rack: blocks[index].rack, now: now, echo: blocks[index].echo(segment),
            minimumRoundTrip: blocks[index].estimator.minimum)
        if advanced {
            let count = segment.acknowledgment - blocks[index].sendUnacknowledged
            counters[.bytesAcknowledged] &+= UInt64(count)
            blocks[index].scoreboard.acknowledge(segment.acknowledgment, in: &records, &delivery)
            blocks[index].advance(to: segment.acknowledgment, at: now)
        }
        let sawDuplicate = segment.options.blockCount > 0 && takeBlocks(index, frame, segment, &delivery)
        if delivery.rack.reorderingSeen && !blocks[index].rack.reorderingSeen {
            counters[.reorderingSeen] &+= 1
            record(index, .reorderingSeen, UInt32(clamping: blocks[index].estimator.minimum / 4_000))
        }
        blocks[index].rack = delivery.rack
        blocks[index].takeSamples(delivery, segment, advanced: advanced, at: now, timing.limits)
        let isDuplicate =
            !advanced && segment.length == 0 && !windowMoved && blocks[index].flightSize > 0
            && segment.acknowledgment == blocks[index].sendUnacknowledged
        if isDuplicate { counters[.duplicateAcknowledgments] &+= 1 }
        let isSpurious = advanced ? blocks[index].spurious.isProven(by: delivery.echo) : false
        if isSpurious || (sawDuplicate && blocks[index].spurious.reported()) { undo(index) }
        endTailProbe(index, segment, isDuplicate: isDuplicate, sawDuplicate: sawDuplicate)
        recover(
            index, delivery, advanced: advanced, isDuplicate: isDuplicate, sawDuplicate: sawDuplicate,
            flightBefore: flightBefore)
        slowDownIfEchoed(index, segment)
        if advanced || delivery.byteCount > 0 { armRetransmission(index) }
    }

    /// The SACK option (RFC 2018, RFC 2883 §4). Returns whether it reported a duplicate.
    private mutating func takeBlocks(
        _ index: UInt32, _ frame: RawSpan, _ segment: SegmentHeader, _ delivery: inout Delivery
    ) -> Bool {
        let count = segment.options.blockCount
        guard blocks[index].flags.contains(.selective) else { return false }
        var sawDuplicate = false
        for position in 0..<count {
            let (start, end) = segment.options.block(position, frame)
            guard start < end else { continue }
            if position == 0 && isDuplicateBlock(start, end, frame, segment) {
                sawDuplicate = true
                counters[.duplicateSelectiveAcknowledgments] &+= 1
                blocks[index].duplicateReportCount.increment()
                continue
            }
            // Blocks about what was never sent, or is acknowledged anyway, say nothing.
            guard blocks[index].sendUnacknowledged < start, end <= blocks[index].sendNext else { continue }
            blocks[index].scoreboard.sack(start, end, in: &records, &delivery)
        }
        if delivery.isSelective { counters[.selectiveAcknowledgments] &+= 1 }
        return sawDuplicate
    }

    /// RFC 2883 §4: the first block reports a duplicate if the ACK or the second block covers it.
    private func isDuplicateBlock(
        _ start: SequenceNumber, _ end: SequenceNumber, _ frame: RawSpan, _ segment: SegmentHeader
    ) -> Bool {
        if end <= segment.acknowledgment { return true }
        guard segment.options.blockCount > 1 else { return false }
        let (outerStart, outerEnd) = segment.options.block(1, frame)
        return outerStart <= start && end <= outerEnd
    }

    /// The peer's window is open (again): a sender that probed it goes on.
    @inline(__always)
    private mutating func windowOpened(_ index: UInt32) {
        guard blocks[index].retransmissionKind == .persist, blocks[index].sendWindow > 0 else { return }
        blocks[index].retransmissionDeadline = TransmissionControlBlock.never
        blocks[index].retransmissionKind = .timeout
        blocks[index].probeCount = 0
        blocks[index].progressAt = now.nanoseconds
        record(index, .windowOpened, blocks[index].sendWindow)
        if blocks[index].flightSize > 0 { armRetransmission(index) }
    }

    /// Our FIN is acknowledged.
    private mutating func finAcknowledged(_ index: UInt32, _ arrival: inout Arrival) {
        switch blocks[index].state {
        case .finWait1:
            blocks[index].state = .finWait2
            blocks[index].stateDeadline = now.nanoseconds &+ timing.finWait2
        case .closing: enterTimeWait(index, &arrival.events)
        case .lastAck:
            // With bytes that the application has not taken the block stays until it did.
            if blocks[index].unreadByteCount > 0 {
                enterTimeWait(index, &arrival.events)
            } else {
                end(index, .finished, &arrival)
            }
        default: break
        }
        if arrival.events.contains(.closed) && arrival.reason == nil { arrival.reason = .finished }
    }
}

extension TransmissionControlBlock {
    mutating func establish(_ segment: SegmentHeader, at now: Instant, _ timing: borrowing Timing) {
        state = .established
        flags.remove(.synchronize)
        // The handshake's round trip, unless the SYN was sent more than once (Karn).
        if probeCount > 0 {
            // A lost SYN means a window of one segment (RFC 5681 §3.1).
            congestion.collapse(isFirst: false, segmentSize: segmentSize)
        } else if sentAt != 0 {
            estimator.sample(now.nanoseconds &- sentAt, at: now, limits: timing.limits)
            estimator.sampleMinimum(now.nanoseconds &- sentAt, at: now)
        }
        probeCount = 0
        estimator.backoff = 0
        // SYN is acknowledged.
        sendUnacknowledged = sendNext
        sendWindow = UInt32(segment.window) &<< (segment.control.contains(.syn) ? 0 : UInt32(sendShift))
        maximumSendWindow = max(maximumSendWindow, sendWindow)
        sendWindowSequence = segment.sequence
        sendWindowAcknowledgment = segment.acknowledgment
        retransmissionDeadline = Self.never
        retransmissionKind = .timeout
        progressAt = now.nanoseconds
        roundStartMicroseconds = now.microseconds
        if timing.usesKeepalive { flags.insert(.keepalive) }
        stateDeadline = timing.usesKeepalive ? now.nanoseconds &+ timing.keepaliveIdle : Self.never
    }

    /// SND.WND, SND.WL1, SND.WL2. Returns whether the window changed.
    @inline(__always)
    mutating func updateSendWindow(_ segment: SegmentHeader) -> Bool {
        guard
            sendWindowSequence < segment.sequence
                || (sendWindowSequence == segment.sequence && sendWindowAcknowledgment <= segment.acknowledgment)
        else { return false }
        let window = UInt32(segment.window) &<< UInt32(sendShift)
        let changed = window != sendWindow
        sendWindow = window
        maximumSendWindow = max(maximumSendWindow, window)
        sendWindowSequence = segment.sequence
        sendWindowAcknowledgment = segment.acknowledgment
        return changed
    }

    func echo(_ segment: SegmentHeader) -> TimestampEcho? {
        guard flags.contains(.timestamps), segment.options.hasTimestamp else { return nil }
        return TimestampEcho(value: segment.options.timestampEcho, offset: timestampOffset)
    }

    /// SND.UNA moves.
    mutating func advance(to acknowledgment: SequenceNumber, at now: Instant) {
        acknowledgedOffset &+= UInt64(acknowledgment - sendUnacknowledged)
        sendUnacknowledged = acknowledgment
        if flags.contains(.finSent) && acknowledgment == sendNext { flags.insert(.finAcknowledged) }
        progressAt = now.nanoseconds
        probeCount = 0
        estimator.backoff = 0
    }

    /// Round-trip samples: the earliest segment delivered for the estimate, which then includes the peer's delay of its
    /// ACK; the latest for the minimum.
    @inline(__always)
    mutating func takeSamples(
        _ delivery: Delivery, _ segment: SegmentHeader, advanced: Bool, at now: Instant, _ limits: TimeoutLimits
    ) {
        if delivery.latestSentAt != 0 && !delivery.isAmbiguous {
            estimator.sample(now.nanoseconds &- delivery.earliestSentAt, at: now, limits: limits)
            estimator.sampleMinimum(now.nanoseconds &- delivery.latestSentAt, at: now)
        } else if advanced, let echo = echo(segment), echo.value != 0 {
            // Only segments sent again were acknowledged: the timestamp tells which transmission (RFC 7323 §4).
            let elapsed = TimestampClock.value(now.nanoseconds, offset: timestampOffset) &- echo.value
            if elapsed < 120_000 { estimator.sample(max(1, UInt64(elapsed)) &* 1_000_000, at: now, limits: limits) }
        }
    }
}
