import PacketHeaders

/// The Ethernet header that reaches a peer: the addresses of its latest frame, swapped, and its VLAN tag.
struct LinkHeader: BitwiseCopyable {
    /// Destination and the first two bytes of the source, then its last four, in memory order.
    private var first: UInt64 = 0
    private var second: UInt32 = 0
    private var vlan: UInt16 = 0
    private var isTagged = false

    /// The header of an answer to `frame`.
    init(answering frame: RawSpan, _ packet: Packet) {
        let destination: UInt64 = UInt64(frame.native(UInt32.self, at: 6)) | UInt64(frame.native(UInt16.self, at: 10)) &<< 32
        first = destination | UInt64(frame.native(UInt16.self, at: 0)) &<< 48
        second = frame.native(at: 2)
        vlan = packet.vlan
        isTagged = packet.isTagged
    }

    init(_ path: LinkPath) {
        let destination = path.destination.byteSwapped &>> 16
        let source = path.source.byteSwapped &>> 16
        first = destination | source &<< 48
        second = UInt32(truncatingIfNeeded: source &>> 16)
        vlan = path.vlan ?? 0
        isTagged = path.vlan != nil
    }

    var byteCount: Int { isTagged ? 18 : 14 }

    func write(_ frame: inout MutableRawSpan, isIPv6: Bool) {
        frame.storeNative(first, at: 0)
        frame.storeNative(second, at: 8)
        let etherType = isIPv6 ? Packet.etherTypeIPv6 : Packet.etherTypeIPv4
        if isTagged {
            frame.storeBigEndian(Packet.etherTypeVLAN, at: 12)
            frame.storeBigEndian(vlan, at: 14)
            frame.storeBigEndian(etherType, at: 16)
        } else {
            frame.storeBigEndian(etherType, at: 12)
        }
    }
}
