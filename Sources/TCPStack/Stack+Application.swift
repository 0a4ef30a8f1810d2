import PacketHeaders

/// What the application asks of a connection.
extension Stack {
    /// Promises `byteCount` more bytes. `nextSegment` asks for them, once or again, until they are acknowledged.
    public mutating func send(_ connection: ConnectionID, byteCount: Int) {
        guard byteCount > 0, let index = index(of: connection), blocks[index].maySend else { return }
        let idle = now.nanoseconds &- blocks[index].sentAt
        if blocks[index].flightSize == 0 && blocks[index].isSynchronized
            && idle > blocks[index].estimator.timeout(limits: timing.limits)
        {
            blocks[index].congestion.restart(segmentSize: blocks[index].segmentSize)
        }
        blocks[index].promisedOffset &+= UInt64(byteCount)
        ready.append(index)
    }

    /// Sends FIN after the last promised byte; bytes are still received.
    public mutating func finish(_ connection: ConnectionID) {
        guard let index = index(of: connection), blocks[index].maySend else { return }
        blocks[index].flags.insert(.finish)
        ready.append(index)
    }

    /// The application is done with the connection (RFC 9293 §3.10.4, CLOSE): FIN follows the last promised byte, and
    /// nothing is received any more. If bytes wait for the application, or any arrive later, or too many connections
    /// linger like this already, the peer gets RST: it must not believe that they were read (RFC 9293 §3.6.1).
    /// - Returns: whether `.closed` follows; if not, the connection is gone.
    @discardableResult
    public mutating func close(_ connection: ConnectionID) -> Bool {
        guard let index = index(of: connection), !blocks[index].flags.contains(.reported),
            blocks[index].state != .closed
        else { return false }
        let isOpen = blocks[index].isSynchronized || blocks[index].promisedOffset > 0
        let cause: ConnectionHistory.ResetCause? =
            blocks[index].unreadByteCount > 0 || offered.index == index
            ? .unreadAtClose : orphanCount >= configuration.orphanLimit ? .orphanLimit : nil
        guard isOpen, cause == nil else {
            if let cause { counters[cause == .unreadAtClose ? .closedWithUnread : .orphansRefused] &+= 1 }
            abort(connection, cause ?? .aborted)
            return false
        }
        if !blocks[index].flags.contains(.orphan) {
            blocks[index].flags.insert(.orphan)
            orphanCount += 1
        }
        blocks[index].applicationDeadline = TransmissionControlBlock.never
        finish(connection)
        return true
    }

    /// Sends RST; the connection is gone and no event follows.
    public mutating func abort(_ connection: ConnectionID) { abort(connection, .aborted) }

    private mutating func abort(_ connection: ConnectionID, _ cause: ConnectionHistory.ResetCause) {
        guard let index = index(of: connection), !blocks[index].flags.contains(.reported) else { return }
        if offered.index == index { offered.clear() }
        sendReset(index, sequence: blocks[index].sendNext, cause)
        counters[.aborted] &+= 1
        record(index, .closed, UInt32(CloseReason.aborted.rawValue))
        release(index)
    }

    /// The application has no such bytes any more: the connection is reset, and `nextEvent` reports `.closed` with the
    /// reason `aborted`. The frame must not be sent.
    public mutating func fail(_ segment: Segment) {
        guard let connection = segment.connection, let index = index(of: connection), blocks[index].isSynchronized
        else { return }
        // The peer did not get this segment, so its RCV.NXT is not beyond it.
        let offset = segment.streamOffset &- blocks[index].acknowledgedOffset
        sendReset(
            index, sequence: blocks[index].sendUnacknowledged + UInt32(truncatingIfNeeded: offset), .bytesUnavailable)
        counters[.aborted] &+= 1
        record(index, .closed, UInt32(CloseReason.aborted.rawValue))
        // Only the block's memory stays, until the event was taken.
        demultiplexer.remove(index, hash: blocks[index].identity.tableHash(configuration.secret))
        ready.remove(index)
        blocks[index].scoreboard.clear(&records)
        blocks[index].reassembly.clear(&ranges)
        blocks[index].buffer.release(to: &receivePool)
        blocks[index].unreadByteCount = 0
        blocks[index].state = .closed
        timers.set(index, noLaterThan: 0)
    }

    mutating func sendReset(_ index: UInt32, sequence: SequenceNumber, _ cause: ConnectionHistory.ResetCause) {
        guard blocks[index].state != .synSent && blocks[index].state != .timeWait else { return }
        record(index, .resetSent, UInt32(cause.rawValue))
        sendReset(
            Reply(
                identity: blocks[index].identity, link: blocks[index].link, sequence: sequence,
                acknowledgment: blocks[index].receiveNext, control: .rst | .ack))
    }

    /// How long unacknowledged data or a closed window is borne on this connection (RFC 9293 §3.8.3 R2), in whole
    /// seconds up to 18 hours; nil is `Configuration.userTimeout`.
    public mutating func setUserTimeout(_ connection: ConnectionID, _ timeout: Duration?) {
        guard let index = index(of: connection) else { return }
        let seconds = timeout.map { UInt16(clamping: max(1, $0.nanoseconds / 1_000_000_000)) }
        blocks[index].userTimeoutSeconds = seconds ?? 0
    }

    /// Whether an idle peer is probed (RFC 9293 §3.8.4); `Configuration.keepaliveIdle` says what a new connection does.
    public mutating func setKeepalive(_ connection: ConnectionID, _ isOn: Bool) {
        guard let index = index(of: connection), blocks[index].isSynchronized else { return }
        if isOn { blocks[index].flags.insert(.keepalive) } else { blocks[index].flags.remove(.keepalive) }
        let state = blocks[index].state
        guard state != .timeWait && state != .finWait2 else { return }
        blocks[index].stateDeadline =
            isOn ? blocks[index].heardAt &+ timing.keepaliveIdle : TransmissionControlBlock.never
        schedule(index)
    }

    /// The Diffserv code point of this connection's packets (RFC 2474), 0...63.
    public mutating func setCodePoint(_ connection: ConnectionID, _ codePoint: UInt8) {
        guard let index = index(of: connection) else { return }
        blocks[index].codePoint = codePoint & 63
    }

    /// Whether small segments of this connection wait while others are in flight (RFC 9293 §3.7.4).
    public mutating func setNagle(_ connection: ConnectionID, _ isOn: Bool) {
        guard let index = index(of: connection) else { return }
        if isOn { blocks[index].flags.insert(.nagle) } else { blocks[index].flags.remove(.nagle) }
        ready.append(index)
    }

    /// Sets the one application timer of the connection, or cancels it. It fires once, as `Event` with `.timer`.
    public mutating func setTimer(_ connection: ConnectionID, at deadline: Instant?) {
        guard let index = index(of: connection), blocks[index].state != .closed,
            !blocks[index].flags.contains(.reported)
        else { return }
        blocks[index].applicationDeadline = deadline?.nanoseconds ?? TransmissionControlBlock.never
        schedule(index)
    }
}

extension TransmissionControlBlock {
    var maySend: Bool {
        guard !flags.contains(.finish) else { return false }
        return state == .established || state == .closeWait || state == .synSent || state == .synReceived
    }
}
