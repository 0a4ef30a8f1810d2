import PacketHeaders

/// What whoever answered a SYN in this stack's place, with a SYN cookie of its own, says of the connection, next to the
/// segment that returned the cookie. It comes by a way that no packet can take: only the driver's caller can vouch for it.
struct GateFacts: BitwiseCopyable {
    /// Of the timestamp clock that the SYN,ACK used: this end's next timestamps go on from there.
    let timestampOffset: UInt32
    let segmentSize: UInt16
    /// This end's window shift, as it was offered.
    let windowShift: UInt8

    /// `struct onvm_gate_facts` of bpf/include/onvm_gate_types.h, in the host's byte order.
    static let byteCount = 20
    static let magic: UInt32 = 0x4F4E_5646

    /// Nil where there is nothing, or what is there is about another segment.
    init?(_ bytes: RawSpan, beside segment: SegmentHeader) {
        guard bytes.byteCount == Self.byteCount, bytes.native(UInt32.self, at: 0) == Self.magic,
            bytes.native(UInt32.self, at: 4) == segment.sequence.rawValue,
            bytes.native(UInt32.self, at: 8) == segment.acknowledgment.rawValue
        else { return nil }
        timestampOffset = bytes.native(UInt32.self, at: 12)
        segmentSize = bytes.native(UInt16.self, at: 16)
        windowShift = min(bytes.native(UInt8.self, at: 18), 14)
    }
}

extension Stack {
    /// Bytes of `facts`, which lie in front of a frame.
    public static var factsByteCount: Int { GateFacts.byteCount }

    /// An ACK for an endpoint listened on, whose handshake took place elsewhere.
    mutating func acceptFacts(
        _ facts: RawSpan, _ identity: ConnectionIdentity, _ hash: UInt32, _ frame: RawSpan, _ packet: Packet,
        _ segment: SegmentHeader
    ) -> Arrival? {
        guard segment.control.isDisjoint(with: .syn | .rst), let facts = GateFacts(facts, beside: segment) else {
            return nil
        }
        return open(
            identity, hash, frame, packet, segment, segmentSize: facts.segmentSize,
            timestampOffset: facts.timestampOffset, windowShift: facts.windowShift)
    }
}
