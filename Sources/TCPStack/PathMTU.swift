import PacketHeaders

/// What routers and hosts say about segments this end sent: ICMP (RFC 792, RFC 1191) and ICMPv6 (RFC 4443, RFC 8201).
struct ICMPError {
    enum Meaning { case packetTooBig(UInt32), refused, soft }

    let meaning: Meaning
    /// The connection the quoted segment belongs to, and its sequence number.
    let identity: ConnectionIdentity
    let sequence: SequenceNumber

    /// Nil when it is not an error, or does not quote the beginning of a TCP segment.
    init?(_ frame: RawSpan, _ packet: Packet) {
        let start = packet.transport
        guard packet.end &- start >= 8 + 28, packet.end <= frame.byteCount else { return nil }
        let type: UInt8 = frame.bigEndian(at: start)
        let code: UInt8 = frame.bigEndian(at: start &+ 1)
        guard Self.acceptsChecksum(frame, packet),
            let meaning = Self.meaning(type, code, frame.bigEndian(at: start &+ 4), isIPv6: packet.isIPv6)
        else { return nil }
        self.meaning = meaning
        let quoted = start &+ 8
        let transport: Int
        if packet.isIPv6 {
            guard packet.end &- quoted >= 40 + 8, frame.bigEndian(UInt8.self, at: quoted) &>> 4 == 6,
                frame.bigEndian(UInt8.self, at: quoted &+ 6) == Packet.tcp
            else { return nil }
            transport = quoted &+ 40
        } else {
            let versionAndLength: UInt8 = frame.bigEndian(at: quoted)
            guard versionAndLength &>> 4 == 4, frame.bigEndian(UInt8.self, at: quoted &+ 9) == Packet.tcp else {
                return nil
            }
            transport = quoted &+ Int(versionAndLength & 0x0F) &* 4
            guard transport &- quoted >= 20, packet.end &- transport >= 8 else { return nil }
        }
        identity = Self.quotedIdentity(frame, quoted, transport, isIPv6: packet.isIPv6)
        sequence = SequenceNumber(frame.bigEndian(at: transport &+ 4))
        // Errors come to the address the quoted packet left from.
        guard identity.local == packet.destination else { return nil }
    }

    private static func quotedIdentity(
        _ frame: RawSpan, _ quoted: Int, _ transport: Int, isIPv6: Bool
    ) -> ConnectionIdentity {
        let local: Address
        let peer: Address
        if isIPv6 {
            local = Address(high: frame.native(at: quoted &+ 8), low: frame.native(at: quoted &+ 16))
            peer = Address(high: frame.native(at: quoted &+ 24), low: frame.native(at: quoted &+ 32))
        } else {
            local = Address(ipv4: frame.native(at: quoted &+ 12))
            peer = Address(ipv4: frame.native(at: quoted &+ 16))
        }
        return ConnectionIdentity(
            peer: peer, local: local, peerPort: frame.bigEndian(at: transport &+ 2),
            localPort: frame.bigEndian(at: transport))
    }

    private static func acceptsChecksum(_ frame: RawSpan, _ packet: Packet) -> Bool {
        let byteCount = packet.end &- packet.transport
        var sum =
            packet.isIPv6
            ? InternetChecksum(
                pseudoHeader: packet.source, packet.destination, protocol: Packet.icmpv6, byteCount: byteCount)
            : InternetChecksum()
        sum.add(frame, packet.transport..<packet.end)
        return sum.folded == 0xFFFF
    }

    private static func meaning(_ type: UInt8, _ code: UInt8, _ word: UInt32, isIPv6: Bool) -> Meaning? {
        if isIPv6 {
            switch (type, code) {
            case (2, _): return .packetTooBig(word)
            case (1, 4): return .refused
            case (1, _), (3, _): return .soft
            default: return nil
            }
        }
        switch (type, code) {
        case (3, 4): return .packetTooBig(word & 0xFFFF)
        case (3, 2), (3, 3): return .refused
        case (3, _), (11, _): return .soft
        default: return nil
        }
    }
}

extension Stack {
    /// The least MTU a path is believed to have: RFC 8200 §5 for IPv6; for IPv4 enough for 512 bytes of data, less is
    /// an attack (RFC 5927 §7).
    private static func leastMTU(isIPv6: Bool) -> UInt32 { isIPv6 ? 1_280 : 552 }

    mutating func errorArrives(_ frame: RawSpan, _ packet: Packet) -> Arrival {
        guard let error = ICMPError(frame, packet) else { return drop(.ignoredICMP) }
        let hash = error.identity.tableHash(configuration.secret)
        guard let index = demultiplexer.find(error.identity, hash: hash, in: blocks) else { return drop(.ignoredICMP) }
        // RFC 5927 §4: only about what is in flight, which an attacker off the path has to guess.
        guard blocks[index].sendUnacknowledged <= error.sequence, error.sequence < blocks[index].sendNext else {
            return drop(.invalidICMP)
        }
        switch error.meaning {
        case .packetTooBig(let mtu):
            guard reducePathMTU(index, to: mtu) else { return drop(.ignoredICMP) }
            return Arrival()
        case .refused:
            // RFC 5927 §5.2: a hard error aborts a connection that is being opened, and is a hint to any other.
            guard blocks[index].state == .synSent else { return noteUnreachable(index) }
            var arrival = Arrival()
            end(index, .unreachable, &arrival)
            return arrival
        case .soft: return noteUnreachable(index)
        }
    }

    private mutating func noteUnreachable(_ index: UInt32) -> Arrival {
        record(index, .unreachable)
        return drop(.ignoredICMP)
    }

    /// RFC 1191 §6.4: what was sent too large is sent again in smaller pieces; this is no sign of congestion.
    private mutating func reducePathMTU(_ index: UInt32, to mtu: UInt32) -> Bool {
        let reduced = max(mtu, Self.leastMTU(isIPv6: blocks[index].usesIPv6))
        guard reduced < UInt32(blocks[index].pathMTU) else { return false }
        counters[.pathMTUReductions] &+= 1
        blocks[index].pathMTU = UInt16(reduced)
        record(index, .pathMTUReduced, reduced)
        blocks[index].updateSegmentSize()
        guard blocks[index].isSynchronized else { return true }
        blocks[index].scoreboard.markAllLost(in: records.elements)
        if blocks[index].recovery.phase == .open {
            blocks[index].recovery.phase = .timeout
            blocks[index].recovery.point = blocks[index].sendNext
        }
        blocks[index].flags.insert(.forceRetransmission)
        armRetransmission(index)
        ready.append(index)
        schedule(index)
        return true
    }
}
