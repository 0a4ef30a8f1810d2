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
        // Safe: a parsed frame has its 14 bytes.
        let source =
            unsafe UInt64(frame.uncheckedNative(UInt32.self, at: 6))
            | UInt64(frame.uncheckedNative(UInt16.self, at: 10)) &<< 32
        first = unsafe source | UInt64(frame.uncheckedNative(UInt16.self, at: 0)) &<< 48
        second = unsafe frame.uncheckedNative(at: 2)
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

    /// `frame` must hold the header.
    @inline(__always)
    func write(_ frame: inout MutableRawSpan, isIPv6: Bool) {
        // Safe: the caller made sure.
        unsafe frame.uncheckedStoreNative(first, at: 0)
        unsafe frame.uncheckedStoreNative(second, at: 8)
        let etherType = isIPv6 ? Packet.etherTypeIPv6 : Packet.etherTypeIPv4
        if isTagged {
            unsafe frame.uncheckedStoreBigEndian(Packet.etherTypeVLAN, at: 12)
            unsafe frame.uncheckedStoreBigEndian(vlan, at: 14)
            unsafe frame.uncheckedStoreBigEndian(etherType, at: 16)
        } else {
            unsafe frame.uncheckedStoreBigEndian(etherType, at: 12)
        }
    }
}
