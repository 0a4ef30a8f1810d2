/// Why a frame is not an IP packet that can be used.
public enum PacketFault: UInt8, Sendable, BitwiseCopyable {
    case truncatedFrame, notIP, malformedIPv4, malformedIPv6, ipv4Checksum, fragment
}

/// Where the headers of one Ethernet frame lie, after every length was checked against the frame.
@frozen public struct Packet: Sendable, BitwiseCopyable {
    public var source = Address.any
    public var destination = Address.any
    /// Byte offsets in the frame: the IP header, the transport header, and the end of the IP packet (padding is after).
    public var network = 0
    public var transport = 0
    public var end = 0
    /// The protocol number after the extension headers.
    public var transportProtocol: UInt8 = 0
    public var isIPv6 = false
    /// The Diffserv code point and, in the lowest two bits, the ECN field (RFC 2474, RFC 3168).
    public var trafficClass: UInt8 = 0
    /// 802.1Q tag control information, meaningful when `isTagged`.
    public var isTagged = false
    public var vlan: UInt16 = 0

    @inlinable public init() {}

    /// EtherTypes and protocol numbers, IANA.
    @inlinable public static var etherTypeIPv4: UInt16 { 0x0800 }
    @inlinable public static var etherTypeIPv6: UInt16 { 0x86DD }
    @inlinable public static var etherTypeVLAN: UInt16 { 0x8100 }
    @inlinable public static var tcp: UInt8 { 6 }
    @inlinable public static var udp: UInt8 { 17 }
    @inlinable public static var icmp: UInt8 { 1 }
    @inlinable public static var icmpv6: UInt8 { 58 }

    /// Reads the headers up to the transport header. At most one 802.1Q tag is looked through.
    @inlinable public mutating func parse(_ frame: RawSpan) -> PacketFault? {
        guard frame.byteCount >= 14 else { return .truncatedFrame }
        var etherType: UInt16 = frame.bigEndian(at: 12)
        network = 14
        isTagged = false
        if etherType == Packet.etherTypeVLAN {
            guard frame.byteCount >= 18 else { return .truncatedFrame }
            vlan = frame.bigEndian(at: 14)
            isTagged = true
            etherType = frame.bigEndian(at: 16)
            network = 18
        }
        if etherType == Packet.etherTypeIPv4 { return parseIPv4(frame) }
        if etherType == Packet.etherTypeIPv6 { return parseIPv6(frame) }
        return .notIP
    }

    /// RFC 791 §3.1.
    @inlinable mutating func parseIPv4(_ frame: RawSpan) -> PacketFault? {
        guard frame.byteCount &- network >= 20 else { return .malformedIPv4 }
        // Safe: all reads are of the 20 bytes just counted.
        let first: UInt32 = unsafe frame.uncheckedNative(at: network)
        let second: UInt32 = unsafe frame.uncheckedNative(at: network &+ 4)
        let third: UInt32 = unsafe frame.uncheckedNative(at: network &+ 8)
        let fourth: UInt32 = unsafe frame.uncheckedNative(at: network &+ 12)
        let fifth: UInt32 = unsafe frame.uncheckedNative(at: network &+ 16)
        let headerByteCount = Int(first.bigEndian &>> 24 & 0x0F) &* 4
        let totalByteCount = Int(first.bigEndian & 0xFFFF)
        guard first.bigEndian &>> 28 == 4, headerByteCount >= 20, headerByteCount <= totalByteCount,
            totalByteCount <= frame.byteCount &- network
        else { return .malformedIPv4 }
        var checksum = InternetChecksum()
        checksum.add(first)
        checksum.add(second)
        checksum.add(third)
        checksum.add(fourth)
        checksum.add(fifth)
        if headerByteCount > 20 { checksum.add(frame, network &+ 20..<network &+ headerByteCount) }
        guard checksum.folded == 0xFFFF else { return .ipv4Checksum }
        // More fragments, or an offset.
        guard second.bigEndian & 0x3FFF == 0 else { return .fragment }
        isIPv6 = false
        trafficClass = UInt8(truncatingIfNeeded: first.bigEndian &>> 16)
        transportProtocol = UInt8(truncatingIfNeeded: third.bigEndian &>> 16)
        source = Address(ipv4: fourth)
        destination = Address(ipv4: fifth)
        transport = network &+ headerByteCount
        end = network &+ totalByteCount
        return nil
    }

    /// RFC 8200 §3.
    @inlinable mutating func parseIPv6(_ frame: RawSpan) -> PacketFault? {
        guard frame.byteCount &- network >= 40 else { return .malformedIPv6 }
        // Safe: all reads are of the 40 bytes just counted.
        let first: UInt32 = unsafe frame.uncheckedBigEndian(at: network)
        let payloadByteCount = Int(unsafe frame.uncheckedBigEndian(UInt16.self, at: network &+ 4))
        guard first &>> 28 == 6, payloadByteCount <= frame.byteCount &- network &- 40 else { return .malformedIPv6 }
        isIPv6 = true
        trafficClass = UInt8(truncatingIfNeeded: first &>> 20)
        transportProtocol = unsafe frame.uncheckedBigEndian(at: network &+ 6)
        source = unsafe Address(
            high: frame.uncheckedNative(at: network &+ 8), low: frame.uncheckedNative(at: network &+ 16))
        destination = unsafe Address(
            high: frame.uncheckedNative(at: network &+ 24), low: frame.uncheckedNative(at: network &+ 32))
        transport = network &+ 40
        end = transport &+ payloadByteCount
        if transportProtocol == Packet.tcp { return nil }
        return skipExtensionHeaders(frame)
    }

    /// Extension headers, RFC 8200 §4; no more than eight of them.
    @inlinable mutating func skipExtensionHeaders(_ frame: RawSpan) -> PacketFault? {
        for _ in 0..<8 {
            switch transportProtocol {
            case 0, 43, 60:  // hop-by-hop options, routing, destination options
                guard transport &+ 8 <= end else { return .malformedIPv6 }
                transportProtocol = frame.bigEndian(at: transport)
                transport &+= 8 &+ Int(frame.bigEndian(UInt8.self, at: transport &+ 1)) &* 8
                guard transport <= end else { return .malformedIPv6 }
            case 44:
                guard transport &+ 8 <= end else { return .malformedIPv6 }
                // No offset and no more to come: an atomic fragment, which is a whole packet (RFC 6946).
                guard frame.bigEndian(UInt16.self, at: transport &+ 2) & 0xFFF9 == 0 else { return .fragment }
                transportProtocol = frame.bigEndian(at: transport)
                transport &+= 8
            default: return nil
            }
        }
        return .malformedIPv6
    }
}
