import PacketHeaders

/// Which segment a connection sends next.
struct Plan {
    enum Kind: UInt8 { case synchronize, retransmission, data, probe, acknowledgment }
    var kind: Kind
    var sequence: SequenceNumber
    var byteCount: UInt32 = 0
    var hasFIN = false
    /// Payload of each segment the device cuts it into, or 0 for one segment.
    var cutByteCount: UInt32 = 0
    /// The record that is sent again.
    var record = noIndex
}

extension Stack {
    /// How many segments one connection sends before the next one has its turn.
    private static var burstLimit: Int { 16 }

    /// Writes the headers of the next segment that may be sent now; call it until nil.
    /// The caller fills `segment.payload` with the stream's bytes from `segment.streamOffset` and calls `seal`.
    public mutating func nextSegment(into frame: inout MutableRawSpan, at now: Instant) -> Segment? {
        begin(now)
        guard frame.byteCount >= SegmentWriter.maximumHeaderByteCount + 64 else { return nil }
        if !replies.isEmpty, let reply = replies.removeFirst() { return write(reply, &frame) }
        while let index = ready.first {
            guard let plan = plan(index, frameByteCount: frame.byteCount) else {
                ready.remove(index)
                burst = 0
                persistIfClosed(index)
                schedule(index)
                continue
            }
            let segment = write(index, plan, &frame)
            burst &+= plan.segmentCount
            if !blocks[index].hasMore {
                burst = 0
                ready.remove(index)
                schedule(index)
            } else if burst >= Self.burstLimit {
                burst = 0
                ready.rotate()
            }
            return segment
        }
        return nil
    }

    /// What the connection may send now, the most urgent first.
    private mutating func plan(_ index: UInt32, frameByteCount: Int) -> Plan? {
        if !blocks[index].isSynchronized {
            guard blocks[index].flags.contains(.synchronize) else { return nil }
            return Plan(kind: .synchronize, sequence: blocks[index].sendUnacknowledged)
        }
        if blocks[index].state != .timeWait {
            let room = blocks[index].payloadRoom(frameByteCount: frameByteCount, blockCount: reportCount(index))
            if blocks[index].scoreboard.lostByteCount > 0, let plan = planRetransmission(index, room: room) {
                return plan
            }
            if let plan = planData(index, room: room, frameByteCount) { return plan }
            if !blocks[index].flags.isDisjoint(with: .probes), let plan = planProbe(index, room: room) {
                return plan
            }
        }
        guard blocks[index].flags.contains(.acknowledge) else { return nil }
        return Plan(kind: .acknowledgment, sequence: blocks[index].sendNext)
    }

    private mutating func planRetransmission(_ index: UInt32, room: UInt32) -> Plan? {
        let isForced = blocks[index].flags.contains(.forceRetransmission)
        guard let record = blocks[index].scoreboard.firstLost(in: records) else { return nil }
        let byteCount = min(records.elements[record].byteCount, room)
        if !isForced && blocks[index].pipe &+ byteCount > blocks[index].congestion.window { return nil }
        return planAgain(index, record, byteCount)
    }

    /// The first `byteCount` sequence numbers of a record again; FIN's among them.
    private func planAgain(_ index: UInt32, _ record: UInt32, _ byteCount: UInt32) -> Plan {
        let start = records.elements[record].start
        let finEnd = blocks[index].flags.contains(.finSent) && start + byteCount == blocks[index].sendNext
        return Plan(
            kind: .retransmission, sequence: start, byteCount: finEnd ? byteCount &- 1 : byteCount, hasFIN: finEnd,
            record: record)
    }

    /// New data, with silly-window avoidance (RFC 9293 §3.8.6.2.1), and FIN.
    @inline(__always)
    private mutating func planData(_ index: UInt32, room: UInt32, _ frameByteCount: Int) -> Plan? {
        guard blocks[index].state == .established || blocks[index].state == .closeWait else { return nil }
        let unsent = blocks[index].unsentByteCount
        let wantsFIN = blocks[index].flags.contains(.finish)
        guard unsent > 0 || wantsFIN else {
            blocks[index].flags.remove(.windowLimited)
            return nil
        }
        let usable = blocks[index].usableWindow
        let wanted = UInt32(truncatingIfNeeded: min(unsent, UInt64(room)))
        var byteCount = min(wanted, usable)
        if byteCount < wanted {
            // The window cuts the segment short.
            let isWorthwhile =
                byteCount >= blocks[index].maximumSendWindow / 2
                || (blocks[index].flags.contains(.overrideSilly) && byteCount > 0)
            if !isWorthwhile { byteCount = 0 }
            blocks[index].flags.remove(.windowLimited)
        }
        let isProbe = blocks[index].flags.contains(.tailProbe)
        if byteCount > 0 && !isProbe && blocks[index].pipe &+ byteCount > blocks[index].congestion.window {
            blocks[index].flags.insert(.windowLimited)
            return nil
        }
        var hasFIN = wantsFIN && UInt64(byteCount) == unsent
        // Nagle's algorithm (§3.7.4).
        if blocks[index].flags.contains(.nagle) && byteCount < room && !hasFIN && !isProbe
            && blocks[index].flightSize > 0
        {
            return nil
        }
        guard byteCount > 0 || hasFIN else { return nil }
        var cutByteCount: UInt32 = 0
        if configuration.allowsSegmentation && byteCount == room && unsent > UInt64(room) && !isProbe {
            byteCount = blocks[index].runByteCount(room: room, frameByteCount: frameByteCount)
            hasFIN = wantsFIN && UInt64(byteCount) == unsent
            cutByteCount = byteCount > room ? room : 0
        }
        return Plan(
            kind: .data, sequence: blocks[index].sendNext, byteCount: byteCount, hasFIN: hasFIN,
            cutByteCount: cutByteCount)
    }

    /// Probes that timers asked for.
    private mutating func planProbe(_ index: UInt32, room: UInt32) -> Plan? {
        if blocks[index].flags.contains(.tailProbe) {
            // RFC 8985 §7.3: without new data, the last segment again.
            let last = blocks[index].scoreboard.tail
            if last != noIndex {
                let byteCount = min(records.elements[last].byteCount, room)
                if let record = blocks[index].scoreboard.cutTail(byteCount, in: &records) {
                    return planAgain(index, record, byteCount)
                }
            }
            blocks[index].flags.remove(.tailProbe)
        }
        // A segment before the window makes the peer answer with its ACK and window (RFC 9293 §3.8.4, §3.10.7.4 first).
        guard !blocks[index].flags.isDisjoint(with: .windowProbe | .keepaliveProbe) else { return nil }
        return Plan(kind: .probe, sequence: blocks[index].sendUnacknowledged - 1)
    }

    /// SACK blocks that an ACK would carry now.
    @inline(__always)
    private func reportCount(_ index: UInt32) -> Int {
        guard blocks[index].hasReport else { return 0 }
        let pending = blocks[index].flags.contains(.duplicatePending) ? 1 : 0
        return min(Int(blocks[index].reassembly.count) &+ pending, blocks[index].maximumBlockCount)
    }
}

extension TransmissionControlBlock {
    /// Whether another segment may follow the one just sent.
    @inline(__always)
    var hasMore: Bool {
        !flags.isDisjoint(with: .acknowledge | .synchronize | .probes) || scoreboard.lostByteCount > 0
            || unsentByteCount > 0 || (flags.contains(.finish) && !flags.contains(.finSent))
    }

    /// Whether an ACK has something to report by SACK.
    var hasReport: Bool {
        flags.contains(.selective) && (flags.contains(.duplicatePending) || !reassembly.isEmpty)
    }

    /// 40 bytes of options hold four blocks, or three beside timestamps.
    var maximumBlockCount: Int { flags.contains(.timestamps) ? 3 : 4 }

    /// The payload that fits beside the options of the next segment.
    @inline(__always)
    func payloadRoom(frameByteCount: Int, blockCount: Int) -> UInt32 {
        let blockByteCount = blockCount == 0 ? 0 : 4 &+ blockCount &* 8
        let timestampByteCount = flags.contains(.timestamps) ? 12 : 0
        let inFrame =
            frameByteCount &- link.byteCount &- ipHeaderByteCount &- 20 &- timestampByteCount &- blockByteCount
        return UInt32(max(1, min(Int(segmentSize) &- blockByteCount, inFrame)))
    }
}
