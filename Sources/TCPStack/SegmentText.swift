import PacketHeaders

/// The in-order bytes `Stack.receive` offered to the application where they lie in the frame.
struct OfferedPayload {
    var index = noIndex
    var range = 0..<0
    /// FIN follows the last byte.
    var carriesFIN = false

    mutating func clear() { index = noIndex }
}

/// The segment text and FIN, RFC 9293 §3.10.7.4 seventh and eighth.
extension Stack {
    mutating func textArrives(
        _ index: UInt32, _ frame: RawSpan, _ segment: SegmentHeader, _ arrival: inout Arrival
    ) {
        var hasFIN = segment.control.contains(.fin)
        guard segment.payloadByteCount > 0 || hasFIN else { return }
        switch blocks[index].state {
        case .established, .finWait1, .finWait2: break
        default:
            // The peer has finished; what it sends now is its FIN again.
            acknowledgeNow(index)
            return
        }
        let next = blocks[index].receiveNext
        let right = blocks[index].receiveRight
        var start = segment.sequence
        var range = segment.payloadStart..<segment.payloadEnd
        if start < next {
            let known = Int(min(next - start, segment.payloadByteCount))
            blocks[index].noteDuplicate(start, start + known)
            counters[.duplicateSegments] &+= 1
            range = range.lowerBound &+ known..<range.upperBound
            start = start + known
            acknowledgeNow(index)
        }
        if right < start + range.count {
            let room = start < right ? Int(right - start) : 0
            range = range.lowerBound..<range.lowerBound &+ room
            hasFIN = false
            acknowledgeNow(index)
        }
        if start == next {
            inOrder(index, frame, range, hasFIN: hasFIN, &arrival)
        } else if next < start {
            outOfOrder(index, frame, range, at: start, hasFIN: hasFIN)
        }
    }

    /// New text for an application that closed: nobody will read it, and the peer has to know (RFC 9293 §3.6.1).
    mutating func refusesText(_ index: UInt32, _ segment: SegmentHeader, _ arrival: inout Arrival) -> Bool {
        guard blocks[index].receiveNext < segment.sequence + segment.payloadByteCount else { return false }
        counters[.dataAfterClose] &+= 1
        counters[.closedForReading] &+= 1
        arrival.drop = .closedForReading
        sendReset(index, sequence: blocks[index].sendNext, .dataAfterClose)
        end(index, .aborted, &arrival)
        return true
    }

    /// Text that begins at RCV.NXT: offered in the frame if nothing waits before it, else appended to what waits.
    private mutating func inOrder(
        _ index: UInt32, _ frame: RawSpan, _ range: Range<Int>, hasFIN: Bool, _ arrival: inout Arrival
    ) {
        if range.isEmpty {
            if hasFIN { finish(index, byPeer: &arrival.events) }
            return
        }
        if blocks[index].unreadByteCount == 0 {
            offered = OfferedPayload(index: index, range: range, carriesFIN: hasFIN)
            arrival.payload = range
            arrival.events.insert(.readable)
            return
        }
        guard keep(index, frame, range) else {
            acknowledgeNow(index)
            return
        }
        arrival.events.insert(.readable)
        accept(index, UInt32(range.count), unread: UInt32(range.count), hasFIN: hasFIN, &arrival.events)
    }

    /// Copies text at RCV.NXT to the receive buffer.
    private mutating func keep(_ index: UInt32, _ frame: RawSpan, _ range: Range<Int>) -> Bool {
        let next = blocks[index].receiveNext
        let isKept = blocks[index].buffer.store(
            frame, range, at: next, read: next - blocks[index].unreadByteCount, in: &receivePool)
        if !isKept { noteNoRoom(index, range.count) }
        return isKept
    }

    private mutating func noteNoRoom(_ index: UInt32, _ byteCount: Int) {
        counters[.noReceiveRoom] &+= 1
        record(index, .noReceiveRoom, UInt32(byteCount))
    }

    /// Text beyond RCV.NXT is kept and reported by SACK.
    private mutating func outOfOrder(
        _ index: UInt32, _ frame: RawSpan, _ range: Range<Int>, at start: SequenceNumber, hasFIN: Bool
    ) {
        counters[.outOfOrderSegments] &+= 1
        acknowledgeNow(index)
        blocks[index].duplicatesToSend = min(blocks[index].duplicatesToSend, 63) + 1
        let end = start + range.count
        if blocks[index].reassembly.contains(start, end, in: ranges) {
            blocks[index].noteDuplicate(start, end)
            return
        }
        let read = blocks[index].receiveNext - blocks[index].unreadByteCount
        let takesFIN =
            hasFIN && !blocks[index].flags.contains(.finHeld)
            && blocks[index].reassembly.end(after: end, in: ranges) <= end
        guard
            range.isEmpty
                || blocks[index].buffer.store(frame, range, at: start, read: read, in: &receivePool)
        else {
            noteNoRoom(index, range.count)
            return
        }
        guard !range.isEmpty || takesFIN else { return }
        // FIN takes the sequence number after the text, so that SACK reports it, too.
        guard blocks[index].reassembly.insert(start, takesFIN ? end + 1 : end, in: &ranges) else {
            releaseBuffer(index)
            noteNoRoom(index, range.count)
            return
        }
        if takesFIN {
            blocks[index].finSequence = end
            blocks[index].flags.insert(.finHeld)
        }
    }

    /// RCV.NXT moves over `byteCount` bytes of which `unread` wait in the buffer, and over what follows them there.
    private mutating func accept(
        _ index: UInt32, _ byteCount: UInt32, unread: UInt32, hasFIN: Bool, _ events: inout ConnectionEvents
    ) {
        counters[.bytesReceived] &+= UInt64(byteCount)
        blocks[index].receiveNext += byteCount
        blocks[index].bytesReceived &+= UInt64(byteCount)
        blocks[index].unreadByteCount &+= unread
        if !blocks[index].reassembly.isEmpty { fillGap(index, &events) }
        if blocks[index].flags.contains(.urgent) && blocks[index].receiveUrgent <= blocks[index].readNext {
            blocks[index].flags.remove(.urgent)
        }
        if hasFIN && !blocks[index].flags.contains(.peerFinished) { finish(index, byPeer: &events) }
        delayAcknowledgment(index)
    }

    /// The bytes just accepted may join ranges received before them (§3.10.7.4: ACK at once when a gap is filled).
    private mutating func fillGap(_ index: UInt32, _ events: inout ConnectionEvents) {
        let before = blocks[index].receiveNext
        var next = blocks[index].reassembly.advance(before, in: &ranges)
        acknowledgeNow(index)
        guard before < next else { return }
        var hasFIN = false
        if blocks[index].flags.contains(.finHeld), before <= blocks[index].finSequence, blocks[index].finSequence < next
        {
            next = blocks[index].finSequence
            hasFIN = true
        }
        let joined = next - before
        blocks[index].receiveNext = next
        blocks[index].bytesReceived &+= UInt64(joined)
        counters[.bytesReceived] &+= UInt64(joined)
        blocks[index].unreadByteCount &+= joined
        if joined > 0 { events.insert(.readable) }
        if hasFIN { finish(index, byPeer: &events) }
    }

    /// FIN is in sequence: §3.10.7.4 eighth.
    private mutating func finish(_ index: UInt32, byPeer events: inout ConnectionEvents) {
        blocks[index].receiveNext += 1
        // FIN may lie at the right edge of a window that is full.
        blocks[index].receiveRight = SequenceNumber.latest(blocks[index].receiveRight, blocks[index].receiveNext)
        blocks[index].flags.insert(.peerFinished)
        record(index, .finReceived, UInt32(clamping: blocks[index].bytesReceived &>> 10))
        blocks[index].flags.remove(.finHeld)
        // What lies beyond FIN is not the peer's stream.
        blocks[index].reassembly.clear(&ranges)
        releaseBuffer(index)
        events.insert(.peerFinished)
        acknowledgeNow(index)
        switch blocks[index].state {
        case .established: blocks[index].state = .closeWait
        case .finWait1:
            // Our FIN is not acknowledged, else this were FIN_WAIT_2.
            blocks[index].state = .closing
        case .finWait2: enterTimeWait(index, &events)
        default: break
        }
    }

    /// Must follow an `Arrival` with payload: the application used its first `consumed` bytes, the stack keeps the
    /// rest, or leaves what it has no room for to be sent again.
    /// - Returns: what became true by it: `readable` when buffered bytes follow now (ask `unread`), `peerFinished`, and
    ///   `closed` (reason `finished`).
    public mutating func deliver(_ arrival: Arrival, consumed: Int, frame: RawSpan) -> ConnectionEvents {
        let index = offered.index
        guard index != noIndex, let connection = arrival.connection, self.index(of: connection) == index else {
            return []
        }
        let range = offered.range
        let hasFIN = offered.carriesFIN
        offered.clear()
        let used = min(max(0, consumed), range.count)
        var events: ConnectionEvents = []
        let rest = range.lowerBound &+ used..<range.upperBound
        blocks[index].receiveNext += UInt32(used)
        let isKept = rest.isEmpty || keep(index, frame, rest)
        blocks[index].receiveNext = blocks[index].receiveNext - UInt32(used)
        accept(
            index, UInt32(isKept ? range.count : used), unread: UInt32(isKept ? rest.count : 0),
            hasFIN: hasFIN && isKept, &events)
        // Without room for it in TIME_WAIT the block is gone.
        guard blocks[index].state != .closed else { return events }
        if !isKept { acknowledgeNow(index) }
        releaseBuffer(index)
        ready.append(index)
        return events
    }

    /// A buffer without unread and out-of-order bytes goes back to the pool.
    private mutating func releaseBuffer(_ index: UInt32) {
        guard blocks[index].buffer.isHeld, blocks[index].unreadByteCount == 0, blocks[index].reassembly.isEmpty else {
            return
        }
        blocks[index].buffer.release(to: &receivePool)
    }

    /// In-order bytes that wait in the receive buffer.
    public func unreadByteCount(_ connection: ConnectionID) -> Int {
        index(of: connection).map { Int(blocks[$0].unreadByteCount) } ?? 0
    }

    /// All in-order bytes that wait in the receive buffer, in one run.
    @_lifetime(borrow self)
    public func unread(_ connection: ConnectionID) -> RawSpan {
        guard let index = index(of: connection), blocks[index].unreadByteCount > 0 else { return RawSpan() }
        let start = blocks[index].buffer.position(of: blocks[index].readNext)
        return receivePool.memory.bytes(start, Int(blocks[index].unreadByteCount))
    }

    /// Forgets the first `byteCount` unread bytes; the window opens again.
    public mutating func consume(_ connection: ConnectionID, _ byteCount: Int) {
        guard let index = index(of: connection), byteCount > 0 else { return }
        blocks[index].unreadByteCount &-= min(UInt32(clamping: byteCount), blocks[index].unreadByteCount)
        releaseBuffer(index)
        if blocks[index].unreadByteCount == 0 && blocks[index].flags.contains(.closePending) {
            // `nextEvent` reports the end now that nothing waits.
            blocks[index].applicationDeadline = 0
            schedule(index)
            return
        }
        if blocks[index].mayOfferMore { acknowledgeNow(index) }
    }
}

extension TransmissionControlBlock {
    /// The sequence number of the first unread byte. FIN has a number but no byte.
    var readNext: SequenceNumber {
        receiveNext - unreadByteCount - (flags.contains(.peerFinished) ? 1 : 0)
    }
}
