import PacketHeaders

@testable import TCPStack

/// A frame as it is: whatever its headers say, everything they point to lies in it.
func fuzzPacket(_ bytes: [UInt8]) {
    // Safe: bytes have no padding.
    let frame = unsafe bytes.span.bytes
    var packet = Packet()
    guard packet.parse(frame) == nil else { return }
    require(
        packet.network < packet.transport && packet.transport <= packet.end && packet.end <= bytes.count,
        "headers at \(packet.network), \(packet.transport), \(packet.end) in \(bytes.count) bytes")
    _ = LinkHeader(answering: frame, packet)
    var segment = SegmentHeader()
    guard segment.parse(frame, packet) else { return }
    require(
        segment.payloadStart >= packet.transport + 20 && segment.payloadStart <= segment.payloadEnd
            && segment.payloadEnd == packet.end, "payload at \(segment.payloadStart) of \(bytes.count) bytes")
    let options = segment.options
    require(
        options.blockCount == 0
            || (options.blockOffset >= packet.transport + 20
                && options.blockOffset + 8 * options.blockCount <= segment.payloadStart),
        "\(options.blockCount) SACK blocks at \(options.blockOffset) outside of the options")
}
