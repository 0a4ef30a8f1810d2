import PacketHeaders

/// RFC 9293 §3.10.7.4, in its order.
extension Stack {
    mutating func segmentArrives(
        _ index: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader
    ) -> Arrival {
        blocks[index].segmentsReceived &+= 1
        if blocks[index].state == .synSent { return synSentArrives(index, frame, packet, segment) }
        if blocks[index].state == .timeWait, let reopened = reopen(index, frame, packet, segment) { return reopened }
        if blocks[index].isCrossed(by: segment) {
            acknowledgeNow(index)
            return segmentArrives(index, frame, packet, segment.withoutSYN)
        }
        var arrival = Arrival(connection: blocks[index].isSynchronized ? id(index) : nil)

        // First, check the sequence number, after PAWS (RFC 7323 §5.3 R1) and for the option that was agreed on (§3.2).
        if blocks[index].flags.contains(.timestamps) && !segment.control.contains(.rst) {
            guard segment.options.hasTimestamp else { return drop(.missingTimestamp) }
            if !passesPAWS(index, segment) { return refuse(index, .paws) }
        }
        if !isAcceptable(index, segment) { return outsideWindow(index, segment) }
        // Second, check the RST bit; fourth, check SYN (third is security, which RFC 9293 leaves out).
        if segment.control.contains(.rst) { return resetArrives(index, segment) }
        if segment.control.contains(.syn) { return refuse(index, .invalidFlags) }
        // Fifth, check the ACK field.
        guard segment.control.contains(.ack) else { return drop(.invalidFlags) }
        blocks[index].heard(segment, LinkHeader(answering: frame, packet), at: now)
        noteCongestion(index, packet, segment)
        if let refused = acknowledgmentArrives(index, frame, segment, &arrival) { return refused }
        // An acknowledgment of FIN may have ended the connection.
        if blocks[index].state == .closed { return arrival }
        // Sixth, the URG bit. Seventh, the text; eighth, FIN.
        if segment.control.contains(.urg) { urgentArrives(index, frame, packet, segment, &arrival) }
        if blocks[index].flags.contains(.orphan) && refusesText(index, segment, &arrival) { return arrival }
        textArrives(index, frame, segment, &arrival)
        if arrival.events.contains(.closed) { arrival.reason = .finished }
        // Without room for it in TIME_WAIT the block is gone.
        if blocks[index].state == .closed { return arrival }
        // The timers are looked at when the connection leaves the ready queue.
        ready.append(index)
        return arrival
    }

    /// RFC 7323 §5.3 R1, with the idle rule of §5.5.
    @inline(__always)
    private func passesPAWS(_ index: UInt32, _ segment: SegmentHeader) -> Bool {
        let age = now.seconds &- blocks[index].recentTimestampSeconds
        return Int32(bitPattern: segment.options.timestamp &- blocks[index].recentTimestamp) >= 0
            || age > 24 * 86_400
    }

    /// RFC 9293 §3.4 table 6. A segment without text is also taken at the right edge itself, where one is that a peer
    /// sends after it filled the window.
    @inline(__always)
    private func isAcceptable(_ index: UInt32, _ segment: SegmentHeader) -> Bool {
        let next = blocks[index].receiveNext
        let right = blocks[index].receiveRight
        let length = segment.length
        if length == 0 { return next <= segment.sequence && segment.sequence <= right }
        // A probe of a closed window: its text is refused below, its acknowledgment counts (§3.10.7.4 first).
        if next == right { return segment.sequence == next }
        return segment.sequence < right && next < segment.sequence + length
    }

    /// The segment is answered with an ACK that tells where this end stands.
    private mutating func outsideWindow(_ index: UInt32, _ segment: SegmentHeader) -> Arrival {
        if segment.control.contains(.rst) { return drop(.invalidReset) }
        if blocks[index].state == .synReceived {
            // The peer's SYN again: our SYN,ACK was lost.
            if segment.control.contains(.syn) && segment.sequence + 1 == blocks[index].receiveNext {
                blocks[index].flags.insert(.synchronize)
                ready.append(index)
            }
            return drop(.outsideWindow)
        }
        if segment.length > 0 && !segment.control.contains(.syn) {
            // A retransmission whose acknowledgment was lost, or a probe of a closed window.
            if segment.sequence + segment.length <= blocks[index].receiveNext {
                counters[.duplicateSegments] &+= 1
                blocks[index].noteDuplicate(segment.sequence, segment.sequence + segment.payloadByteCount)
            }
            if blocks[index].state == .timeWait && segment.control.contains(.fin) { restartTimeWait(index) }
            acknowledgeNow(index)
            return drop(.outsideWindow)
        }
        return refuse(index, .outsideWindow)
    }

    /// Drops a segment and sends a challenge ACK, unless one was sent lately (RFC 5961 §7).
    mutating func refuse(_ index: UInt32, _ cause: DropCause) -> Arrival {
        // A half-open connection answers no strangers: a spoofed SYN must not make it reflect segments.
        guard blocks[index].isSynchronized else { return drop(cause) }
        let milliseconds = now.milliseconds
        let last = blocks[index].challengedMilliseconds
        if last == 0 || milliseconds &- last >= timing.challengeMilliseconds {
            blocks[index].challengedMilliseconds = max(1, milliseconds)
            counters[.challengeAcknowledgments] &+= 1
            record(index, .challengeAcknowledgment, UInt32(cause.rawValue))
            acknowledgeNow(index)
        }
        return drop(cause)
    }

    /// RFC 9293 §3.10.7.4 second, with RFC 5961 §3.2: only RST at exactly RCV.NXT resets.
    private mutating func resetArrives(_ index: UInt32, _ segment: SegmentHeader) -> Arrival {
        // RFC 1337 §3 (F1): TIME_WAIT is not assassinated.
        if blocks[index].state == .timeWait { return drop(.invalidReset) }
        guard segment.sequence == blocks[index].receiveNext else {
            let isInside = segment.sequence < blocks[index].receiveRight
            return isInside ? refuse(index, .invalidReset) : drop(.invalidReset)
        }
        counters[.resetsReceived] &+= 1
        record(index, .resetReceived)
        var arrival = Arrival()
        end(index, .reset, &arrival)
        return arrival
    }

    /// A SYN that may begin a new connection between the same endpoints (RFC 9293 §3.10.7.4 fourth, RFC 6191).
    private mutating func reopen(
        _ index: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader
    ) -> Arrival? {
        guard blocks[index].flags.contains(.reported),
            segment.control.contains(.syn), segment.control.isDisjoint(with: .rst | .ack | .fin)
        else { return nil }
        let identity = blocks[index].identity
        guard listeners.contains(identity.local, port: identity.localPort) else { return nil }
        // RFC 6191 §2: timestamps decide if both have them, unless they are equal; else sequence numbers do.
        var difference: Int32 = 0
        if blocks[index].flags.contains(.timestamps) && segment.options.hasTimestamp {
            difference = Int32(bitPattern: segment.options.timestamp &- blocks[index].recentTimestamp)
        }
        guard difference > 0 || (difference == 0 && blocks[index].receiveNext < segment.sequence) else { return nil }
        counters[.timeWaitReused] &+= 1
        record(index, .reopened)
        let hash = identity.tableHash(configuration.secret)
        let sendNext = blocks[index].sendNext
        release(index)
        return open(identity, hash, LinkHeader(answering: frame, packet), segment, after: sendNext)
    }

    private mutating func restartTimeWait(_ index: UInt32) {
        blocks[index].stateDeadline = now.nanoseconds &+ timing.timeWait
        schedule(index)
    }

    /// An ACK is due with the next transmission round.
    mutating func acknowledgeNow(_ index: UInt32) {
        blocks[index].flags.insert(.acknowledge)
        ready.append(index)
    }
}

extension TransmissionControlBlock {
    /// Whether this is the SYN,ACK of a peer that opened at the same time (RFC 9293 §3.5 figure 7 line 6); its SYN is
    /// known, and but for that it would count as outside the window.
    @inline(__always)
    func isCrossed(by segment: SegmentHeader) -> Bool {
        state == .synReceived && !flags.contains(.passive) && segment.control.isSuperset(of: .syn | .ack)
            && segment.sequence + 1 == receiveNext && segment.acknowledgment == sendNext
    }

    /// What every acceptable segment brings: the way to the peer, a sign of life, TS.Recent (RFC 7323 §4.3).
    @inline(__always)
    mutating func heard(_ segment: SegmentHeader, _ link: LinkHeader, at now: Instant) {
        self.link = link
        heardAt = now.nanoseconds
        if flags.contains(.timestamps) && segment.sequence <= acknowledgedNext {
            recentTimestamp = segment.options.timestamp
            recentTimestampSeconds = now.seconds
        }
    }

    /// RFC 2883: these bytes came twice.
    mutating func noteDuplicate(_ start: SequenceNumber, _ end: SequenceNumber) {
        guard flags.contains(.selective), start < end else { return }
        duplicateStart = start
        duplicateEnd = end
        flags.insert(.duplicatePending)
    }
}
