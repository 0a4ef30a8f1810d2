import PacketHeaders

extension DropCause {
    init(_ fault: PacketFault) {
        switch fault {
        case .truncatedFrame: self = .truncatedFrame
        case .notIP: self = .notIP
        case .malformedIPv4: self = .malformedIPv4
        case .malformedIPv6: self = .malformedIPv6
        case .ipv4Checksum: self = .ipv4Checksum
        case .fragment: self = .fragment
        }
    }
}

extension Stack {
    /// Takes one Ethernet frame.
    public mutating func receive(_ frame: RawSpan, at now: Instant) -> Arrival {
        receive(frame, facts: RawSpan(), at: now)
    }

    /// Takes one Ethernet frame.
    /// - Parameter facts: What lies in front of it, `factsByteCount` bytes that only a SYN gate can have written, or none.
    ///   Read only for a segment that finishes no handshake of this stack.
    public mutating func receive(_ frame: RawSpan, facts: RawSpan, at now: Instant) -> Arrival {
        begin(now)
        offered.clear()
        var packet = Packet()
        if let fault = packet.parse(frame) { return drop(DropCause(fault)) }
        guard packet.transportProtocol == Packet.tcp else {
            let isICMP = packet.transportProtocol == (packet.isIPv6 ? Packet.icmpv6 : Packet.icmp)
            return isICMP ? errorArrives(frame, packet) : drop(.notTCP)
        }
        var segment = SegmentHeader()
        guard segment.parse(frame, packet) else { return drop(.malformedTCP) }
        guard acceptsChecksum(frame, packet) else { return drop(.tcpChecksum) }
        let identity = ConnectionIdentity(
            peer: packet.source, local: packet.destination,
            peerPort: segment.sourcePort, localPort: segment.destinationPort)
        counters[.segmentsReceived] &+= 1
        let hash = identity.tableHash(configuration.secret)
        if let index = demultiplexer.find(identity, hash: hash, in: blocks) {
            return segmentArrives(index, frame, packet, segment)
        }
        return closedArrives(identity, hash, frame, packet, segment, facts)
    }

    mutating func drop(_ cause: DropCause) -> Arrival {
        counters[cause] &+= 1
        return Arrival(drop: cause)
    }

    /// RFC 9293 §3.1; on a virtual link also a checksum of which only the pseudo-header was summed, because the kernel
    /// leaves the rest to a device that is not there (CHECKSUM_PARTIAL, include/linux/skbuff.h).
    @inline(__always)
    private mutating func acceptsChecksum(_ frame: RawSpan, _ packet: Packet) -> Bool {
        let byteCount = packet.end &- packet.transport
        let pseudoHeader = InternetChecksum(
            pseudoHeader: packet.source, packet.destination, protocol: Packet.tcp, byteCount: byteCount)
        if configuration.trustsPartialChecksums
            && frame.native(UInt16.self, at: packet.transport &+ 16) == pseudoHeader.folded
        {
            counters[.partialChecksumsAccepted] &+= 1
            return true
        }
        var sum = pseudoHeader
        sum.add(frame, packet.transport..<packet.end)
        return sum.folded == 0xFFFF
    }

    /// A segment from or to no single host, or from itself to itself, belongs to no connection (RFC 9293 §3.9.2.3).
    static func isPlausible(_ identity: ConnectionIdentity) -> Bool {
        identity.peer.isUnicastSource && identity.local.isUnicastSource
            && !(identity.peer == identity.local && identity.peerPort == identity.localPort)
            && identity.peerPort != 0 && identity.localPort != 0
    }

    /// RFC 9293 §3.10.7.1 and §3.10.7.2: no connection has this identity.
    private mutating func closedArrives(
        _ identity: ConnectionIdentity, _ hash: UInt32, _ frame: RawSpan, _ packet: Packet,
        _ segment: SegmentHeader, _ facts: RawSpan
    ) -> Arrival {
        guard Self.isPlausible(identity) else { return drop(.invalidAddress) }
        // First, check for RST.
        if segment.control.contains(.rst) { return drop(.noListener) }
        let link = LinkHeader(answering: frame, packet)
        guard listeners.contains(identity.local, port: identity.localPort) else {
            reset(identity, link, answering: segment)
            return drop(.noListener)
        }
        // Second, check for an ACK.
        if segment.control.contains(.ack) {
            if let arrival = acceptFacts(facts, identity, hash, frame, packet, segment) { return arrival }
            if let arrival = acceptCookie(identity, hash, frame, packet, segment) { return arrival }
            reset(identity, link, answering: segment)
            return drop(.noListener)
        }
        // Third, check for a SYN; one with FIN is no honest beginning.
        guard segment.control.contains(.syn), !segment.control.contains(.fin) else { return drop(.invalidFlags) }
        return open(identity, hash, link, segment)
    }

    /// RFC 9293 §3.5.2: the reset that answers a segment.
    mutating func reset(_ identity: ConnectionIdentity, _ link: LinkHeader, answering segment: SegmentHeader) {
        let hasAcknowledgment = segment.control.contains(.ack)
        sendReset(
            Reply(
                identity: identity, link: link,
                sequence: hasAcknowledgment ? segment.acknowledgment : SequenceNumber(0),
                acknowledgment: hasAcknowledgment ? SequenceNumber(0) : segment.sequence + segment.length,
                control: hasAcknowledgment ? .rst : .rst | .ack))
    }

    mutating func sendReset(_ reply: Reply) {
        guard resets.allows(at: now) else {
            counters[.rateLimited] &+= 1
            return
        }
        guard replies.append(reply) else {
            counters[.replyQueueFull] &+= 1
            return
        }
        counters[.resetsSent] &+= 1
    }
}
