import PacketHeaders
public import TCPStack

/// What a device with segmentation offload does to a frame (Linux: tcp_gso_segment in net/ipv4/tcp_offload.c).
public enum SegmentCutter {
    /// The frames that go on the wire, each with complete checksums.
    public static func cut(_ frame: [UInt8], _ segment: Segment) -> [[UInt8]] {
        guard segment.cutByteCount > 0 else { return [finish(Array(frame[..<segment.byteCount]), segment)] }
        return stride(from: 0, to: segment.payload.count, by: segment.cutByteCount).map { offset in
            let count = min(segment.cutByteCount, segment.payload.count - offset)
            let start = segment.payload.lowerBound + offset
            var piece = Array(frame[..<segment.payload.lowerBound] + frame[start..<start + count])
            let transport = segment.checksumStart
            add(UInt32(offset), to: &piece, at: transport + 4)
            // FIN and PSH belong to the last byte, CWR to the first segment (RFC 3168 §6.1.2).
            if offset + count < segment.payload.count { piece[transport + 13] &= ~0x09 }
            if offset > 0 { piece[transport + 13] &= ~0x80 }
            return finish(piece, segment)
        }
    }

    private static func add(_ value: UInt32, to bytes: inout [UInt8], at offset: Int) {
        let sum = (0..<4).reduce(0 as UInt32) { $0 << 8 | UInt32(bytes[offset + $1]) } &+ value
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - index * 8)) }
    }

    /// Length fields and checksums of one packet.
    private static func finish(_ bytes: [UInt8], _ segment: Segment) -> [UInt8] {
        var bytes = bytes
        let transport = segment.checksumStart
        let network = bytes[12] == 0x81 ? 18 : 14
        let byteCount = bytes.count - transport
        let isIPv6 = bytes[network] >> 4 == 6
        let length = isIPv6 ? byteCount : byteCount + 20
        let field = network + (isIPv6 ? 4 : 2)
        (bytes[field], bytes[field + 1]) = (UInt8(length >> 8), UInt8(length & 0xFF))
        if !isIPv6 { store(checksum(bytes, network..<network + 20, skip: network + 10, seed: 0), at: network + 10, &bytes) }
        let addresses = isIPv6 ? network + 8..<network + 40 : network + 12..<network + 20
        let seed = words(bytes, addresses) + 6 + UInt64(byteCount)
        store(checksum(bytes, transport..<bytes.count, skip: transport + 16, seed: seed), at: transport + 16, &bytes)
        return bytes
    }

    private static func words(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        stride(from: range.lowerBound, to: range.upperBound, by: 2).reduce(0 as UInt64) {
            $0 + UInt64(bytes[$1]) << 8 + ($1 + 1 < range.upperBound ? UInt64(bytes[$1 + 1]) : 0)
        }
    }

    /// RFC 1071, plainly: a second opinion about the stack's own.
    private static func checksum(_ bytes: [UInt8], _ range: Range<Int>, skip: Int, seed: UInt64) -> UInt16 {
        var sum = seed + words(bytes, range) - UInt64(bytes[skip]) << 8 - UInt64(bytes[skip + 1])
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(sum)
    }

    private static func store(_ value: UInt16, at offset: Int, _ bytes: inout [UInt8]) {
        (bytes[offset], bytes[offset + 1]) = (UInt8(value >> 8), UInt8(value & 0xFF))
    }
}
