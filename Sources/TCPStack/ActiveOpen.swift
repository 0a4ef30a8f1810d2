import PacketHeaders

extension Stack {
    /// Opens a connection (RFC 9293 §3.10.1); `.established` or `.closed` follows. Nil when the table is full, the
    /// endpoints are no unicast addresses of one family, or the pair is in use.
    public mutating func connect(
        to peer: Endpoint, from local: Endpoint, by path: LinkPath, at now: Instant
    ) -> ConnectionID? {
        begin(now)
        let identity = ConnectionIdentity(
            peer: peer.address, local: local.address, peerPort: peer.port, localPort: local.port)
        guard peer.address.isIPv4 == local.address.isIPv4, Self.isPlausible(identity) else { return nil }
        let hash = identity.tableHash(configuration.secret)
        guard demultiplexer.find(identity, hash: hash, in: blocks) == nil,
            let index = allocate(
                identity, hash, LinkHeader(path), initialSequence: initialSequence.number(identity, at: now), .synSent)
        else { return nil }
        counters[.activeOpens] &+= 1
        blocks[index].flags.insert(.synchronize)
        blocks[index].stateDeadline = now.nanoseconds &+ timing.connect
        record(index, .synSent)
        ready.append(index)
        schedule(index)
        return id(index)
    }

    /// RFC 9293 §3.10.7.3.
    mutating func synSentArrives(
        _ index: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader
    ) -> Arrival {
        let hasAcknowledgment = segment.control.contains(.ack)
        // First, check the ACK bit.
        if hasAcknowledgment && segment.acknowledgment != blocks[index].sendNext {
            if !segment.control.contains(.rst) {
                reset(blocks[index].identity, LinkHeader(answering: frame, packet), answering: segment)
            }
            return drop(.unacceptableAcknowledgment)
        }
        // Second, check the RST bit.
        if segment.control.contains(.rst) {
            guard hasAcknowledgment else { return drop(.invalidReset) }
            counters[.resetsReceived] &+= 1
            record(index, .resetReceived)
            var arrival = Arrival()
            end(index, .reset, &arrival)
            return arrival
        }
        // Fourth, check the SYN bit.
        guard segment.control.contains(.syn) else { return drop(.invalidFlags) }
        blocks[index].link = LinkHeader(answering: frame, packet)
        blocks[index].heardAt = now.nanoseconds
        blocks[index].takeSynchronize(
            segment.sequence, window: segment.window, acknowledgment: hasAcknowledgment ? segment.acknowledgment : nil)
        blocks[index].negotiate(segment.options, configuration)
        // An answer with ECE alone agrees (RFC 3168 §6.1.1); a SYN that crossed ours asks as ours did.
        let agrees = segment.control.contains(.ece) && segment.control.contains(.cwr) == !hasAcknowledgment
        if configuration.requestsECN && agrees { blocks[index].flags.insert(.congestionNotification) }
        var arrival = Arrival()
        if hasAcknowledgment {
            establish(index, segment, &arrival)
            acknowledgeNow(index)
        } else {
            // Both ends opened at once: §3.5 figure 7.
            blocks[index].state = .synReceived
            record(index, .synReceived, UInt32(blocks[index].peerSegmentSize))
            blocks[index].flags.insert(.synchronize)
        }
        ready.append(index)
        schedule(index)
        return arrival
    }
}
