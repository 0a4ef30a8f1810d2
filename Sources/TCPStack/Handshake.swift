import PacketHeaders

extension Stack {
    /// A SYN for an endpoint listened on (RFC 9293 §3.10.7.2, third).
    mutating func open(
        _ identity: ConnectionIdentity, _ hash: UInt32, _ link: LinkHeader, _ segment: SegmentHeader,
        after previous: SequenceNumber? = nil
    ) -> Arrival {
        guard halfOpenCount < configuration.halfOpenLimit else {
            sendCookie(identity, link, segment)
            return drop(.halfOpenLimit)
        }
        guard
            let index = allocate(
                identity, hash, link, initialSequence: sequence(identity, after: previous), .synReceived)
        else {
            sendCookie(identity, link, segment)
            return drop(.connectionTableFull)
        }
        counters[.passiveOpens] &+= 1
        halfOpenCount += 1
        blocks[index].flags.insert(.passive | .synchronize)
        blocks[index].takeSynchronize(segment.sequence, window: segment.window, acknowledgment: nil)
        blocks[index].negotiate(segment.options, configuration)
        if configuration.acceptsECN && segment.control.isSuperset(of: .ece | .cwr) {
            blocks[index].flags.insert(.congestionNotification)
        }
        record(index, .synReceived, UInt32(blocks[index].peerSegmentSize))
        blocks[index].stateDeadline = now.nanoseconds &+ timing.handshake
        ready.append(index)
        schedule(index)
        return Arrival()
    }

    /// A new connection of a pair of endpoints starts beyond what the last one used (RFC 6191 §2, RFC 9293 §3.4.1).
    private func sequence(_ identity: ConnectionIdentity, after previous: SequenceNumber?) -> SequenceNumber {
        let number = initialSequence.number(identity, at: now)
        guard let previous, number <= previous else { return number }
        return previous + 64_000
    }

    /// A block with everything but the peer's options; nil when the table is full.
    mutating func allocate(
        _ identity: ConnectionIdentity, _ hash: UInt32, _ link: LinkHeader, initialSequence iss: SequenceNumber,
        _ state: State, timestampOffset: UInt32? = nil
    ) -> UInt32? {
        if blockPool.freeCount == 0 { recycleTimeWait() }
        guard let index = blockPool.take() else { return nil }
        blocks[index] = TransmissionControlBlock(
            generation: blocks[index].generation &+ 1 | 1, identity, link, state, initialSequence: iss,
            timestampOffset: timestampOffset ?? initialSequence.timestampOffset(identity), configuration, timing, at: now)
        demultiplexer.insert(index, hash: hash)
        return index
    }

    /// Gives back everything a connection holds.
    mutating func release(_ index: UInt32) {
        switch blocks[index].state {
        case .timeWait: timeWait.remove(index, in: blocks)
        case .synReceived where blocks[index].flags.contains(.passive): halfOpenCount -= 1
        default: break
        }
        if blocks[index].flags.contains(.orphan) { orphanCount -= 1 }
        demultiplexer.remove(index, hash: blocks[index].identity.tableHash(configuration.secret))
        timers.cancel(index)
        ready.remove(index)
        blocks[index].scoreboard.clear(&records)
        blocks[index].reassembly.clear(&ranges)
        blocks[index].buffer.release(to: &receivePool)
        blocks[index].state = .closed
        blocks[index].generation &+= 1
        blockPool.give(index)
    }

    /// The connection ends now; the application is told unless it never heard of it.
    mutating func end(_ index: UInt32, _ reason: CloseReason, _ arrival: inout Arrival) {
        switch reason {
        case .finished: counters[.closedNormally] &+= 1
        case .reset, .unreachable: counters[.closedByReset] &+= 1
        case .timedOut: counters[.closedByTimeout] &+= 1
        case .aborted: counters[.aborted] &+= 1
        }
        record(index, .closed, UInt32(reason.rawValue))
        let isKnown = blocks[index].isKnownToApplication
        arrival = Arrival(
            connection: isKnown ? id(index) : nil, events: isKnown ? arrival.events.union(.closed) : [],
            drop: arrival.drop, reason: isKnown ? reason : nil)
        release(index)
    }
}

extension TransmissionControlBlock {
    /// Whether the application was told that the connection exists, and not yet that it ended.
    var isKnownToApplication: Bool {
        (state.rawValue >= State.established.rawValue || !flags.contains(.passive)) && !flags.contains(.reported)
    }

    /// IRS and what follows from it. The window of a SYN is never scaled (RFC 7323 §2.2).
    mutating func takeSynchronize(_ sequence: SequenceNumber, window: UInt16, acknowledgment: SequenceNumber?) {
        receiveNext = sequence + 1
        acknowledgedNext = receiveNext
        receiveRight = receiveNext
        roundStart = receiveNext
        sendWindow = UInt32(window)
        maximumSendWindow = sendWindow
        sendWindowSequence = sequence
        sendWindowAcknowledgment = acknowledgment ?? sendUnacknowledged
    }

    /// What a peer takes that does not say (RFC 9293 §3.7.1).
    static func defaultSegmentSize(isIPv6: Bool) -> UInt16 { isIPv6 ? 1_220 : 536 }

    /// Takes the peer's options as far as this end offers them too.
    mutating func negotiate(_ options: Options, _ configuration: Configuration) {
        // Less than 64 would leave next to nothing beside the options.
        peerSegmentSize =
            options.maximumSegmentSize == 0
            ? Self.defaultSegmentSize(isIPv6: usesIPv6) : max(64, options.maximumSegmentSize)
        if configuration.usesNagle { flags.insert(.nagle) }
        if options.windowShift != 255 {
            sendShift = options.windowShift
            receiveShift = configuration.receiveShift
            flags.insert(.scaling)
        } else {
            receiveLimit = min(receiveLimit, 65_535)
        }
        if options.hasTimestamp && configuration.usesTimestamps {
            flags.insert(.timestamps)
            recentTimestamp = options.timestamp
            recentTimestampSeconds = Instant(nanoseconds: heardAt).seconds
        }
        if options.permitsSACK && configuration.usesSelectiveAcknowledgment { flags.insert(.selective) }
        quickAcknowledgments = 16
        updateSegmentSize()
        congestion = Cubic(segmentSize: segmentSize, sendNext: sendNext)
    }
}

extension Configuration {
    /// The smallest shift with which the largest window fits the header's field (RFC 7323 §2.2).
    var receiveShift: UInt8 {
        var shift: UInt8 = 0
        while maximumReceiveWindow >> Int(shift) > 65_535 && shift < 14 { shift += 1 }
        return shift
    }
}
