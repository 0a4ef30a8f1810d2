import Glibc

/// Builds Ethernet frames for tests: set what the test is about, the rest is a correct TCP SYN.
///
/// A value type: change a copy (`with`) to say how one frame differs from another.
public struct PacketBuilder: Equatable, Sendable, CustomStringConvertible {
    public var sourceMAC: [UInt8] = [2, 0, 0, 0, 0, 0xC1]
    public var destinationMAC: [UInt8] = [2, 0, 0, 0, 0, 0x01]
    /// 802.1Q VLAN IDs, the outer one first.
    public var vlans: [UInt16] = []
    /// Replaces the EtherType and everything after it.
    public var rawPayload: (type: UInt16, bytes: [UInt8])?
    /// 4 or 16 bytes in network order; both the same.
    public var source: [UInt8]
    public var destination: [UInt8]
    public var sourcePort: UInt16 = 40_000
    public var destinationPort: UInt16 = 80
    public var transport = Transport.tcp(flags: .syn)
    /// Multiples of four bytes.
    public var tcpOptions: [UInt8] = []
    public var payload: [UInt8] = []

    /// Multiples of four bytes.
    public var ipv4Options: [UInt8] = []
    /// In units of eight bytes, with the more-fragments flag; IPv6 gets a Fragment header.
    public var fragment: (offset: UInt16, more: Bool)?
    /// IPv6 extension headers in front of the transport: type, and body without its first two bytes (6, 14, … bytes).
    public var extensions: [(type: UInt8, body: [UInt8])] = []

    public enum Transport: Equatable, Sendable {
        case tcp(flags: TCPFlags, sequence: UInt32 = 1000, acknowledgment: UInt32 = 0)
        case udp
        /// ICMP or ICMPv6, by the address family; the quoted packet goes into the payload.
        case icmp(type: UInt8, code: UInt8 = 0)
        case other(UInt8)
    }

    /// RFC 9293 §3.1.
    public struct TCPFlags: OptionSet, Equatable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let fin = TCPFlags(rawValue: 1)
        public static let syn = TCPFlags(rawValue: 2)
        public static let rst = TCPFlags(rawValue: 4)
        public static let psh = TCPFlags(rawValue: 8)
        public static let ack = TCPFlags(rawValue: 16)
        public static let ece = TCPFlags(rawValue: 64)
        public static let cwr = TCPFlags(rawValue: 128)
    }

    /// Addresses as text, both IPv4 or both IPv6.
    public init(from source: String, to destination: String) {
        self.source = Self.address(source)
        self.destination = Self.address(destination)
        precondition(self.source.count == self.destination.count, "one address family")
    }

    public static func address(_ text: String) -> [UInt8] {
        let isIPv6 = text.contains(":")
        var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        precondition(unsafe inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, &bytes) == 1, "\(text) is no address")
        return bytes
    }

    public static func == (left: PacketBuilder, right: PacketBuilder) -> Bool { left.bytes == right.bytes }

    /// A changed copy.
    public func with(_ change: (inout PacketBuilder) -> Void) -> PacketBuilder {
        var copy = self
        change(&copy)
        return copy
    }

    /// The other direction: addresses, ports and MAC addresses exchanged.
    public func reversed(_ transport: Transport) -> PacketBuilder {
        with {
            swap(&$0.sourceMAC, &$0.destinationMAC)
            swap(&$0.source, &$0.destination)
            swap(&$0.sourcePort, &$0.destinationPort)
            $0.transport = transport
        }
    }

    /// An ICMP error about this packet, from `router` to its sender (RFC 792; RFC 4443 §2.4).
    public func icmpError(from router: String, type: UInt8, code: UInt8, quotes byteCount: Int = 64) -> PacketBuilder {
        with {
            $0.source = Self.address(router)
            $0.destination = source
            $0.sourceMAC = destinationMAC
            $0.destinationMAC = sourceMAC
            $0.transport = .icmp(type: type, code: code)
            $0.payload = Array(packet.prefix(byteCount))
            $0.ipv4Options = []
            $0.fragment = nil
            $0.extensions = []
        }
    }

    /// For a failed test: what goes where.
    public var description: String {
        let protocolText = rawPayload.map { "type \($0.type)" } ?? "\(transport)"
        return "\(source):\(sourcePort) → \(destination):\(destinationPort) \(protocolText)"
    }

    /// The whole frame.
    public var bytes: [UInt8] {
        var frame = destinationMAC + sourceMAC
        for vlan in vlans { frame += word(0x8100) + word(vlan) }
        if let rawPayload { return frame + word(rawPayload.type) + rawPayload.bytes }
        return frame + word(source.count == 4 ? 0x0800 : 0x86DD) + packet
    }

    /// From the IP header on.
    public var packet: [UInt8] { source.count == 4 ? ipv4 : ipv6 }

    private var transportProtocol: UInt8 {
        switch transport {
        case .tcp: 6
        case .udp: 17
        case .icmp: source.count == 4 ? 1 : 58
        case .other(let number): number
        }
    }

    private var ipv4: [UInt8] {
        let length = 20 + ipv4Options.count + segment.count
        let field = (fragment?.offset ?? 0) | (fragment?.more == true ? 0x2000 : 0)
        var header: [UInt8] = [UInt8(0x45 + ipv4Options.count / 4), 0] + word(UInt16(length)) + word(1)
        header += word(field) + [64, transportProtocol, 0, 0] + source + destination + ipv4Options
        header.replaceSubrange(10..<12, with: word(checksum(header)))
        return header + segment
    }

    private var ipv6: [UInt8] {
        var chain = extensions
        if let fragment {
            let field = fragment.offset << 3 | (fragment.more ? 1 : 0)
            chain.append((44, word(field) + [0, 0, 0, 1]))
        }
        var headers: [UInt8] = []
        for (index, header) in chain.enumerated() {
            let next = index + 1 < chain.count ? chain[index + 1].type : transportProtocol
            let length = header.type == 44 ? 0 : UInt8((header.body.count + 2) / 8 - 1)
            headers += [next, length] + header.body
        }
        let first = chain.first?.type ?? transportProtocol
        return [0x60, 0, 0, 0] + word(UInt16(headers.count + segment.count)) + [first, 64] + source + destination
            + headers + segment
    }

    /// Transport header and payload, checksummed.
    private var segment: [UInt8] {
        var segment: [UInt8]
        let checksumOffset: Int
        switch transport {
        case .tcp(let flags, let sequence, let acknowledgment):
            segment = word(sourcePort) + word(destinationPort) + long(sequence) + long(acknowledgment)
            segment += [UInt8(0x50 + tcpOptions.count * 4), flags.rawValue] + word(0xFFFF) + [0, 0, 0, 0] + tcpOptions
            checksumOffset = 16
        case .udp:
            segment = word(sourcePort) + word(destinationPort) + word(UInt16(8 + payload.count)) + [0, 0]
            checksumOffset = 6
        case .icmp(let type, let code):
            segment = [type, code, 0, 0, 0, 0, 0, 0]
            checksumOffset = 2
        case .other:
            return payload
        }
        segment += payload
        let isICMPv4 = transportProtocol == 1
        let pseudoHeader = isICMPv4 ? [] : source + destination + [0, transportProtocol] + word(UInt16(segment.count))
        let sum = checksum(pseudoHeader + segment)
        segment.replaceSubrange(checksumOffset..<checksumOffset + 2, with: word(sum))
        return segment
    }

    private func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
    private func long(_ value: UInt32) -> [UInt8] { word(UInt16(value >> 16)) + word(UInt16(value & 0xFFFF)) }

    /// RFC 1071.
    private func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | UInt32(index + 1 < bytes.count ? bytes[index + 1] : 0)
        }
        while sum > 0xFFFF { sum = (sum >> 16) + (sum & 0xFFFF) }
        return ~UInt16(sum)
    }
}
