import PacketHeaders

/// Writes the Ethernet, IP and TCP headers of one segment.
// Safe, for every unchecked store below: `nextSegment` takes no frame without room for the largest headers.
struct SegmentWriter {
    /// Where the TCP header starts, and its options.
    let transport: Int
    let optionByteCount: Int

    static let maximumHeaderByteCount = 18 + 40 + 60

    /// `frame` must hold `maximumHeaderByteCount`; every store of this file is within that.
    @inline(__always)
    init(
        _ frame: inout MutableRawSpan, _ identity: ConnectionIdentity, _ link: LinkHeader, optionByteCount: Int,
        payloadByteCount: Int, hopLimit: UInt8, trafficClass: UInt8
    ) {
        let isIPv6 = !identity.peer.isIPv4
        let network = link.byteCount
        self.optionByteCount = optionByteCount
        let segmentByteCount = 20 &+ optionByteCount &+ payloadByteCount
        link.write(&frame, isIPv6: isIPv6)
        if isIPv6 {
            transport = network &+ 40
            unsafe frame.uncheckedStoreBigEndian(0x6000_0000 | UInt32(trafficClass) &<< 20, at: network)
            unsafe frame.uncheckedStoreBigEndian(UInt16(truncatingIfNeeded: segmentByteCount), at: network &+ 4)
            unsafe frame.uncheckedStoreBigEndian(UInt16(Packet.tcp) &<< 8 | UInt16(hopLimit), at: network &+ 6)
            unsafe frame.uncheckedStoreNative(identity.local.high, at: network &+ 8)
            unsafe frame.uncheckedStoreNative(identity.local.low, at: network &+ 16)
            unsafe frame.uncheckedStoreNative(identity.peer.high, at: network &+ 24)
            unsafe frame.uncheckedStoreNative(identity.peer.low, at: network &+ 32)
        } else {
            transport = network &+ 20
            Self.writeIPv4(&frame, at: network, identity, byteCount: 20 &+ segmentByteCount, hopLimit, trafficClass)
        }
    }

    /// RFC 791 §3.1: no options, Don't Fragment, and identification zero, which RFC 6864 §4.1 allows then.
    @inline(__always)
    private static func writeIPv4(
        _ frame: inout MutableRawSpan, at network: Int, _ identity: ConnectionIdentity, byteCount: Int,
        _ hopLimit: UInt8, _ trafficClass: UInt8
    ) {
        let first = (0x4500_0000 | UInt32(trafficClass) &<< 16 | UInt32(truncatingIfNeeded: byteCount)).bigEndian
        let second = (0x0000_4000 as UInt32).bigEndian
        let third = (UInt32(hopLimit) &<< 24 | UInt32(Packet.tcp) &<< 16).bigEndian
        var checksum = InternetChecksum()
        checksum.add(first)
        checksum.add(second)
        checksum.add(third)
        checksum.add(identity.local.ipv4)
        checksum.add(identity.peer.ipv4)
        unsafe frame.uncheckedStoreNative(first, at: network)
        unsafe frame.uncheckedStoreNative(second, at: network &+ 4)
        unsafe frame.uncheckedStoreNative(third, at: network &+ 8)
        unsafe frame.uncheckedStoreNative(checksum.field, at: network &+ 10)
        unsafe frame.uncheckedStoreNative(identity.local.ipv4, at: network &+ 12)
        unsafe frame.uncheckedStoreNative(identity.peer.ipv4, at: network &+ 16)
    }

    /// RFC 9293 §3.1; the checksum is left to `Stack.seal`.
    @inline(__always)
    func writeTCP(
        _ frame: inout MutableRawSpan, _ identity: ConnectionIdentity, _ sequence: SequenceNumber,
        _ acknowledgment: SequenceNumber, _ control: ControlBits, window: UInt16
    ) {
        unsafe frame.uncheckedStoreBigEndian(
            UInt32(identity.localPort) &<< 16 | UInt32(identity.peerPort), at: transport)
        unsafe frame.uncheckedStoreBigEndian(sequence.rawValue, at: transport &+ 4)
        unsafe frame.uncheckedStoreBigEndian(acknowledgment.rawValue, at: transport &+ 8)
        let words = UInt32(truncatingIfNeeded: 20 &+ optionByteCount) / 4
        unsafe frame.uncheckedStoreBigEndian(
            words &<< 28 | UInt32(control.rawValue) &<< 16 | UInt32(window), at: transport &+ 12)
        unsafe frame.uncheckedStoreNative(0 as UInt32, at: transport &+ 16)
    }

    /// The urgent pointer (RFC 9293 §3.8.5), with its bit.
    func writeUrgent(_ frame: inout MutableRawSpan, _ control: ControlBits, pointer: UInt16) {
        unsafe frame.uncheckedStoreBigEndian(control.rawValue | ControlBits.urg.rawValue, at: transport &+ 13)
        unsafe frame.uncheckedStoreBigEndian(pointer, at: transport &+ 18)
    }

    /// The timestamps option at `offset`, behind two NOPs.
    @inline(__always)
    static func writeTimestamps(_ frame: inout MutableRawSpan, at offset: Int, _ value: UInt32, _ echo: UInt32) {
        unsafe frame.uncheckedStoreBigEndian(Options.alignedTimestamps, at: offset)
        unsafe frame.uncheckedStoreBigEndian(value, at: offset &+ 4)
        unsafe frame.uncheckedStoreBigEndian(echo, at: offset &+ 8)
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
        unsafe frame.uncheckedStoreBigEndian(0x0204_0000 | UInt32(segmentSize), at: offset)
        offset &+= 4
        if permitsSACK {
            unsafe frame.uncheckedStoreBigEndian(0x0101_0402 as UInt32, at: offset)
            offset &+= 4
        }
        if let timestamps {
            SegmentWriter.writeTimestamps(&frame, at: offset, timestamps.0, timestamps.1)
            offset &+= 12
        }
        if let windowShift { unsafe frame.uncheckedStoreBigEndian(0x0103_0300 | UInt32(windowShift), at: offset) }
    }
}
