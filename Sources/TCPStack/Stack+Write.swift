import PacketHeaders

extension Stack {
    /// Writes the planned segment and moves the connection's state past it.
    @inline(__always)
    mutating func write(_ index: UInt32, _ plan: Plan, _ frame: inout MutableRawSpan) -> Segment {
        let segment =
            plan.kind == .synchronize
            ? writeSynchronize(index, &frame) : writeSegment(index, plan, &frame)
        counters[.segmentsSent] &+= UInt64(plan.segmentCount)
        blocks[index].segmentsSent &+= UInt32(plan.segmentCount)
        blocks[index].noteSent(at: now)
        switch plan.kind {
        case .synchronize: sentSynchronize(index)
        case .retransmission: sentAgain(index, plan)
        case .data: sentData(index, plan)
        case .probe: blocks[index].flags.subtract(.windowProbe | .keepaliveProbe)
        case .acknowledgment: break
        }
        return segment
    }

    private mutating func writeSynchronize(_ index: UInt32, _ frame: inout MutableRawSpan) -> Segment {
        let hasPeer = blocks[index].state == .synReceived
        let window = blocks[index].windowField(isSynchronize: true)
        let options = synchronizeOptions(index, hasPeer: hasPeer)
        let writer = SegmentWriter(
            &frame, blocks[index].identity, blocks[index].link, optionByteCount: options.byteCount, payloadByteCount: 0,
            hopLimit: configuration.hopLimit, trafficClass: blocks[index].codePoint &<< 2)
        writer.writeTCP(
            &frame, blocks[index].identity, blocks[index].sendUnacknowledged, blocks[index].receiveNext,
            synchronizeBits(index, hasPeer: hasPeer), window: window)
        options.write(&frame, at: writer.transport &+ 20)
        let end = writer.transport &+ 20 &+ options.byteCount
        return Segment(
            connection: nil, byteCount: end, payload: end..<end, streamOffset: 0, checksumStart: writer.transport)
    }

    /// SYN or SYN,ACK, and what they ask or grant about ECN (RFC 3168 §6.1.1). One that was lost may have been lost for
    /// that, so it is sent again without.
    private mutating func synchronizeBits(_ index: UInt32, hasPeer: Bool) -> ControlBits {
        let isFirst = blocks[index].probeCount == 0
        if !isFirst { blocks[index].flags.remove(.congestionNotification) }
        if hasPeer { return blocks[index].flags.contains(.congestionNotification) ? .syn | .ack | .ece : .syn | .ack }
        return configuration.requestsECN && isFirst ? .syn | .ece | .cwr : .syn
    }

    /// New data can tell about congestion; retransmissions, probes and ACKs must not (RFC 3168 §6.1.4 to §6.1.6).
    @inline(__always)
    private func trafficClass(_ index: UInt32, _ plan: Plan) -> UInt8 {
        let isCapable =
            plan.kind == .data && plan.byteCount > 0 && blocks[index].flags.contains(.congestionNotification)
        return blocks[index].codePoint &<< 2 | (isCapable ? ECN.capable : 0)
    }

    /// A SYN offers all this end can do; a SYN,ACK what both can.
    private func synchronizeOptions(_ index: UInt32, hasPeer: Bool) -> SynchronizeOptions {
        let flags = blocks[index].flags
        let hasTimestamps = hasPeer ? flags.contains(.timestamps) : configuration.usesTimestamps
        let timestamps = (blocks[index].timestampNow(now), hasPeer ? blocks[index].recentTimestamp : 0)
        return SynchronizeOptions(
            segmentSize: UInt16(configuration.mtu - blocks[index].ipHeaderByteCount - 20),
            timestamps: hasTimestamps ? timestamps : nil,
            permitsSACK: hasPeer ? flags.contains(.selective) : configuration.usesSelectiveAcknowledgment,
            windowShift: !hasPeer || flags.contains(.scaling) ? configuration.receiveShift : nil)
    }

    private mutating func writeSegment(_ index: UInt32, _ plan: Plan, _ frame: inout MutableRawSpan) -> Segment {
        let hasTimestamps = blocks[index].flags.contains(.timestamps)
        let report = blocks[index].hasReport ? takeReport(index) : SACKReport()
        let timestampByteCount = hasTimestamps ? 12 : 0
        let optionByteCount = timestampByteCount &+ report.byteCount
        let byteCount = Int(plan.byteCount)
        let writer = SegmentWriter(
            &frame, blocks[index].identity, blocks[index].link, optionByteCount: optionByteCount,
            payloadByteCount: byteCount, hopLimit: configuration.hopLimit, trafficClass: trafficClass(index, plan))
        var control = blocks[index].congestionBits(isNewData: plan.kind == .data && byteCount > 0)
        control.insert(.ack)
        if plan.hasFIN { control.insert(.fin) }
        let offset = blocks[index].sendUnacknowledged <= plan.sequence ? blocks[index].offset(of: plan.sequence) : 0
        // The end of what the application has: the peer need not wait for more (RFC 9293 §3.9.1.2).
        if byteCount > 0 && offset &+ UInt64(byteCount) == blocks[index].promisedOffset { control.insert(.psh) }
        let window = blocks[index].windowField()
        if window == 0 { noteWindowClosed(index) } else { blocks[index].flags.remove(.windowClosed) }
        writer.writeTCP(
            &frame, blocks[index].identity, plan.sequence, blocks[index].receiveNext, control, window: window)
        if blocks[index].flags.contains(.sendUrgent) { writeUrgent(index, plan, &frame, writer, control) }
        if hasTimestamps {
            SegmentWriter.writeTimestamps(
                &frame, at: writer.transport &+ 20, blocks[index].timestampNow(now), blocks[index].recentTimestamp)
        }
        if report.byteCount > 0 { report.write(&frame, at: writer.transport &+ 20 &+ timestampByteCount) }
        let start = writer.transport &+ 20 &+ optionByteCount
        let end = start &+ byteCount
        return Segment(
            connection: id(index), byteCount: end, payload: start..<end, streamOffset: offset,
            checksumStart: writer.transport, cutByteCount: Int(plan.cutByteCount),
            isIPv6: !blocks[index].identity.peer.isIPv4)
    }

    private mutating func noteWindowClosed(_ index: UInt32) {
        counters[.zeroWindowsAdvertised] &+= 1
        guard !blocks[index].flags.contains(.windowClosed) else { return }
        blocks[index].flags.insert(.windowClosed)
        record(index, .windowClosed, blocks[index].unreadByteCount)
    }

    /// The SACK option to send now: a pending D-SACK first (RFC 2883 §4), then the ranges that changed latest.
    private mutating func takeReport(_ index: UInt32) -> SACKReport {
        var report = SACKReport()
        let limit = blocks[index].maximumBlockCount
        if blocks[index].flags.contains(.duplicatePending) {
            report.append(blocks[index].duplicateStart, blocks[index].duplicateEnd)
            blocks[index].flags.remove(.duplicatePending)
        }
        guard !blocks[index].reassembly.isEmpty else { return report }
        let found = blocks[index].reassembly.blocks(limit: limit &- report.count, in: ranges)
        for position in 0..<4 where found[position] != noIndex {
            report.append(ranges.elements[found[position]].start, ranges.elements[found[position]].end)
        }
        return report
    }

    /// A segment without a connection.
    mutating func write(_ reply: Reply, _ frame: inout MutableRawSpan) -> Segment {
        counters[.segmentsSent] &+= 1
        let options = reply.cookie.map {
            SynchronizeOptions(
                segmentSize: $0.segmentSize, timestamps: $0.hasTimestamp ? ($0.timestamp, $0.timestampEcho) : nil,
                permitsSACK: $0.permitsSACK, windowShift: $0.windowShift)
        }
        let optionByteCount = options?.byteCount ?? 0
        let writer = SegmentWriter(
            &frame, reply.identity, reply.link, optionByteCount: optionByteCount, payloadByteCount: 0,
            hopLimit: configuration.hopLimit, trafficClass: configuration.codePoint &<< 2)
        writer.writeTCP(
            &frame, reply.identity, reply.sequence, reply.acknowledgment, reply.control, window: reply.window)
        options?.write(&frame, at: writer.transport &+ 20)
        let end = writer.transport &+ 20 &+ optionByteCount
        return Segment(
            connection: nil, byteCount: end, payload: end..<end, streamOffset: 0, checksumStart: writer.transport)
    }

    private mutating func sentSynchronize(_ index: UInt32) {
        blocks[index].flags.remove(.synchronize)
        blocks[index].retransmissionKind = .handshake
        blocks[index].retransmissionDeadline =
            now.nanoseconds &+ blocks[index].estimator.timeout(limits: timing.limits)
        schedule(index)
    }

    @inline(__always)
    private mutating func sentData(_ index: UInt32, _ plan: Plan) {
        let length = plan.byteCount &+ (plan.hasFIN ? 1 : 0)
        if blocks[index].flightSize == 0 { blocks[index].progressAt = now.nanoseconds }
        // There is a record for the first range of every connection.
        let isRecorded = blocks[index].scoreboard.append(blocks[index].sendNext, length, at: now, in: &records)
        assert(isRecorded)
        blocks[index].sendNext += length
        blocks[index].recovery.transmit(length)
        blocks[index].flags.subtract(.windowProbe | .overrideSilly)
        counters[.bytesSent] &+= UInt64(plan.byteCount)
        if plan.hasFIN {
            blocks[index].flags.insert(.finSent)
            blocks[index].state = blocks[index].state == .closeWait ? .lastAck : .finWait1
            record(index, .finSent, UInt32(clamping: blocks[index].promisedOffset &>> 10))
        }
        if blocks[index].flags.contains(.tailProbe) { sentTailProbe(index, isRetransmission: false) }
        armRetransmission(index, afterData: true)
    }

    private mutating func sentAgain(_ index: UInt32, _ plan: Plan) {
        let length = plan.byteCount &+ (plan.hasFIN ? 1 : 0)
        blocks[index].scoreboard.retransmit(plan.record, length, at: now, in: &records)
        blocks[index].recovery.transmit(length)
        blocks[index].retransmittedSegmentCount &+= 1
        if blocks[index].recovery.phase != .open { blocks[index].spurious.retransmitted(at: now) }
        counters[.retransmittedSegments] &+= 1
        counters[.retransmittedBytes] &+= UInt64(plan.byteCount)
        if blocks[index].flags.contains(.tailProbe) {
            sentTailProbe(index, isRetransmission: true)
        } else {
            blocks[index].flags.remove(.forceRetransmission)
        }
        armRetransmission(index, afterData: true)
    }

    private mutating func sentTailProbe(_ index: UInt32, isRetransmission: Bool) {
        counters[.tailLossProbes] &+= 1
        record(index, .tailLossProbe, blocks[index].flightSize)
        blocks[index].flags.remove(.tailProbe)
        blocks[index].flags.insert(.tailProbeOutstanding)
        blocks[index].tailProbeEnd = blocks[index].sendNext
        if isRetransmission {
            blocks[index].flags.insert(.tailProbeRetransmitted)
        } else {
            blocks[index].flags.remove(.tailProbeRetransmitted)
        }
    }
}

extension TransmissionControlBlock {
    func timestampNow(_ now: Instant) -> UInt32 { TimestampClock.value(now.nanoseconds, offset: timestampOffset) }

    /// Every segment acknowledges what was received.
    @inline(__always)
    mutating func noteSent(at now: Instant) {
        sentAt = now.nanoseconds
        acknowledgedNext = receiveNext
        acknowledgmentDeadline = Self.never
        if duplicatesToSend > 1 && !self.flags.contains(.selective) {
            // A peer without SACK counts duplicates.
            duplicatesToSend &-= 1
            flags.insert(.acknowledge)
        } else {
            duplicatesToSend = 0
            flags.remove(.acknowledge)
        }
    }
}

/// A SACK option being put together.
struct SACKReport {
    private var starts = InlineArray<4, UInt32>(repeating: 0)
    private var ends = InlineArray<4, UInt32>(repeating: 0)
    private(set) var count = 0

    var byteCount: Int { count == 0 ? 0 : 4 &+ count &* 8 }

    mutating func append(_ start: SequenceNumber, _ end: SequenceNumber) {
        guard count < 4 else { return }
        starts[count] = start.rawValue
        ends[count] = end.rawValue
        count &+= 1
    }

    func write(_ frame: inout MutableRawSpan, at offset: Int) {
        frame.storeBigEndian(0x0101_0500 | UInt32(truncatingIfNeeded: 2 &+ count &* 8), at: offset)
        for position in 0..<count {
            frame.storeBigEndian(starts[position], at: offset &+ 4 &+ position &* 8)
            frame.storeBigEndian(ends[position], at: offset &+ 8 &+ position &* 8)
        }
    }
}
