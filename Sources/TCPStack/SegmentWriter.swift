import PacketHeaders

/// Writes the Ethernet, IP and TCP headers of one segment.
struct SegmentWriter {
    /// Where the TCP header starts, and its options.
    let transport: Int
    let optionByteCount: Int

    static let maximumHeaderByteCount = 18 + 40 + 60

    /// The caller made sure that `frame` holds the headers and the payload.
    init(
        _ frame: inout MutableRawSpan, _ identity: ConnectionIdentity, _ link: LinkHeader, optionByteCount: Int,
        payloadByteCount: Int, hopLimit: UInt8
    ) {
        let isIPv6 = !identity.peer.isIPv4
        let network = link.byteCount
        self.optionByteCount = optionByteCount
        let segmentByteCount = 20 &+ optionByteCount &+ payloadByteCount
        link.write(&frame, isIPv6: isIPv6)
        if isIPv6 {
            transport = network &+ 40
            frame.storeBigEndian(0x6000_0000 as UInt32, at: network)
            frame.storeBigEndian(UInt16(truncatingIfNeeded: segmentByteCount), at: network &+ 4)
            frame.storeBigEndian(UInt16(Packet.tcp) &<< 8 | UInt16(hopLimit), at: network &+ 6)
            frame.storeNative(identity.local.high, at: network &+ 8)
            frame.storeNative(identity.local.low, at: network &+ 16)
            frame.storeNative(identity.peer.high, at: network &+ 24)
            frame.storeNative(identity.peer.low, at: network &+ 32)
        } else {
            transport = network &+ 20
            Self.writeIPv4(&frame, at: network, identity, byteCount: 20 &+ segmentByteCount, hopLimit)
        }
    }

    /// RFC 791 §3.1: no options, Don't Fragment, and identification zero, which RFC 6864 §4.1 allows then.
    private static func writeIPv4(
        _ frame: inout MutableRawSpan, at network: Int, _ identity: ConnectionIdentity, byteCount: Int, _ hopLimit: UInt8
    ) {
        let first = (0x4500_0000 | UInt32(truncatingIfNeeded: byteCount)).bigEndian
        let second = (0x0000_4000 as UInt32).bigEndian
        let third = (UInt32(hopLimit) &<< 24 | UInt32(Packet.tcp) &<< 16).bigEndian
        var checksum = InternetChecksum()
        checksum.add(first)
        checksum.add(second)
        checksum.add(third)
        checksum.add(identity.local.ipv4)
        checksum.add(identity.peer.ipv4)
        frame.storeNative(first, at: network)
        frame.storeNative(second, at: network &+ 4)
        frame.storeNative(third, at: network &+ 8)
        frame.storeNative(checksum.field, at: network &+ 10)
        frame.storeNative(identity.local.ipv4, at: network &+ 12)
        frame.storeNative(identity.peer.ipv4, at: network &+ 16)
    }

    /// RFC 9293 §3.1; the checksum is left to `Stack.seal`.
    func writeTCP(
        _ frame: inout MutableRawSpan, _ identity: ConnectionIdentity, _ sequence: SequenceNumber,
        _ acknowledgment: SequenceNumber, _ control: ControlBits, window: UInt16
    ) {
        frame.storeBigEndian(UInt32(identity.localPort) &<< 16 | UInt32(identity.peerPort), at: transport)
        frame.storeBigEndian(sequence.rawValue, at: transport &+ 4)
        frame.storeBigEndian(acknowledgment.rawValue, at: transport &+ 8)
        let words = UInt32(truncatingIfNeeded: 20 &+ optionByteCount) / 4
        frame.storeBigEndian(words &<< 28 | UInt32(control.rawValue) &<< 16 | UInt32(window), at: transport &+ 12)
        frame.storeNative(0 as UInt32, at: transport &+ 16)
    }

    /// The timestamps option at `offset`, behind two NOPs.
    static func writeTimestamps(_ frame: inout MutableRawSpan, at offset: Int, _ value: UInt32, _ echo: UInt32) {
        frame.storeBigEndian(Options.alignedTimestamps, at: offset)
        frame.storeBigEndian(value, at: offset &+ 4)
        frame.storeBigEndian(echo, at: offset &+ 8)
    }
}

/// The options of a SYN or SYN,ACK (RFC 9293 §3.7.1, RFC 7323, RFC 2018).
struct SynchronizeOptions {
    let segmentSize: UInt16
    /// TSval and TSecr.
    let timestamps: (UInt32, UInt32)?
    let permitsSACK: Bool
    let windowShift: UInt8?

    var byteCount: Int {
        4 &+ (timestamps != nil ? 12 : 0) &+ (permitsSACK ? 4 : 0) &+ (windowShift != nil ? 4 : 0)
    }

    func write(_ frame: inout MutableRawSpan, at start: Int) {
        var offset = start
        frame.storeBigEndian(0x0204_0000 | UInt32(segmentSize), at: offset)
        offset &+= 4
        if permitsSACK {
            frame.storeBigEndian(0x0101_0402 as UInt32, at: offset)
            offset &+= 4
        }
        if let timestamps {
            SegmentWriter.writeTimestamps(&frame, at: offset, timestamps.0, timestamps.1)
            offset &+= 12
        }
        if let windowShift { frame.storeBigEndian(0x0103_0300 | UInt32(windowShift), at: offset) }
    }
}
