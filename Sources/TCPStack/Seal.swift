import PacketHeaders

extension Stack {
    /// Completes the checksum of a segment whose payload is in place.
    public func seal(_ segment: Segment, _ frame: inout MutableRawSpan) {
        let start = segment.checksumStart
        var checksum = Self.pseudoHeader(segment, frame.bytes)
        switch configuration.transmitChecksum {
        case .partial: frame.storeNative(checksum.folded, at: start &+ segment.checksumOffset)
        case .full:
            checksum.add(frame.bytes, start..<segment.byteCount)
            frame.storeNative(checksum.field, at: start &+ segment.checksumOffset)
        }
    }

    @inline(__always)
    private static func pseudoHeader(_ segment: Segment, _ frame: RawSpan) -> InternetChecksum {
        let isTagged = frame.bigEndian(UInt16.self, at: 12) == Packet.etherTypeVLAN
        let network = isTagged ? 18 : 14
        let byteCount = segment.byteCount &- segment.checksumStart
        if segment.checksumStart &- network == 20 {
            return InternetChecksum(
                pseudoHeader: Address(ipv4: frame.native(at: network &+ 12)),
                Address(ipv4: frame.native(at: network &+ 16)), protocol: Packet.tcp, byteCount: byteCount)
        }
        return InternetChecksum(
            pseudoHeader: Address(high: frame.native(at: network &+ 8), low: frame.native(at: network &+ 16)),
            Address(high: frame.native(at: network &+ 24), low: frame.native(at: network &+ 32)),
            protocol: Packet.tcp, byteCount: byteCount)
    }
}
