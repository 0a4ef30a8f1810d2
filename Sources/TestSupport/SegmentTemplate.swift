import PacketHeaders
public import TCPStack

/// A TCP segment to be made into a frame, or read from one: a test changes the fields it is about.
public struct SegmentTemplate: Equatable {
    public var source: Endpoint
    public var destination: Endpoint
    public var sequence: UInt32 = 0
    public var acknowledgment: UInt32 = 0
    /// FIN, SYN, RST, PSH, ACK, URG from bit 0 up.
    public var control: UInt8 = 16
    public var window: UInt16 = 65_535
    /// The options as they are on the wire; padded to words when sent.
    public var options: [UInt8] = []
    public var payload: [UInt8] = []
    public var sourceMAC = Simulation.clientMAC
    public var destinationMAC = Simulation.serverMAC
    public var vlan: UInt16?
    /// Diffserv code point and ECN field.
    public var trafficClass: UInt8 = 0
    public var hopLimit: UInt8 = 64
    public var urgentPointer: UInt16 = 0

    public static let fin: UInt8 = 1, syn: UInt8 = 2, rst: UInt8 = 4, psh: UInt8 = 8, ack: UInt8 = 16, urg: UInt8 = 32

    public init(from source: Endpoint, to destination: Endpoint) {
        self.source = source
        self.destination = destination
    }

    /// The Ethernet frame with all checksums.
    public var frame: [UInt8] {
        var bytes = linkHeader
        let network = bytes.count
        let padded = options + [UInt8](repeating: 1, count: (4 - options.count % 4) % 4)
        let tcpByteCount = 20 + padded.count + payload.count
        if source.address.isIPv4 {
            bytes += [0x45, trafficClass] + Self.big(UInt64(20 + tcpByteCount), 2) + Self.big(0x0000_4000, 4)
            bytes +=
                [hopLimit, 6, 0, 0] + Self.wire(source.address).suffix(4) + Self.wire(destination.address).suffix(4)
            var sum = InternetChecksum()
            // Safe: bytes have no padding.
            sum.add(unsafe bytes.span.bytes, network..<network + 20)
            Self.store(sum.field, in: &bytes, at: network + 10)
        } else {
            bytes +=
                Self.big(0x6000_0000 | UInt64(trafficClass) << 20, 4) + Self.big(UInt64(tcpByteCount), 2) + [
                    6, hopLimit,
                ]
            bytes += Self.wire(source.address) + Self.wire(destination.address)
        }
        let transport = bytes.count
        bytes += Self.big(UInt64(source.port), 2) + Self.big(UInt64(destination.port), 2)
        bytes += Self.big(UInt64(sequence), 4) + Self.big(UInt64(acknowledgment), 4)
        bytes += [UInt8((20 + padded.count) / 4) << 4, control] + Self.big(UInt64(window), 2) + [0, 0]
        bytes += Self.big(UInt64(urgentPointer), 2)
        bytes += padded + payload
        var sum = InternetChecksum(
            pseudoHeader: source.address, destination.address, protocol: 6, byteCount: tcpByteCount)
        // Safe: as above.
        sum.add(unsafe bytes.span.bytes, transport..<bytes.count)
        Self.store(sum.field, in: &bytes, at: transport + 16)
        return bytes
    }

    /// An ICMP or ICMPv6 error that quotes this segment's headers, from a router to the segment's source.
    public func icmpError(type: UInt8, code: UInt8, word: UInt32) -> [UInt8] {
        let isIPv4 = source.address.isIPv4
        let router = Simulation.address(254, isIPv6: !isIPv4)
        var message: [UInt8] = [type, code, 0, 0] + Self.big(UInt64(word), 4) + frame.dropFirst(linkHeader.count)
        var sum =
            isIPv4
            ? InternetChecksum()
            : InternetChecksum(pseudoHeader: router, source.address, protocol: 58, byteCount: message.count)
        // Safe: bytes have no padding.
        sum.add(unsafe message.span.bytes, 0..<message.count)
        Self.store(sum.field, in: &message, at: 2)
        var carrier = SegmentTemplate(from: Endpoint(address: router, port: 0), to: source)
        carrier.vlan = vlan
        carrier.payload = [UInt8](repeating: 0, count: message.count - 20)
        // The carrier's TCP header makes room for the message.
        var bytes = carrier.frame
        let network = linkHeader.count
        let transport = bytes.count - message.count
        bytes.replaceSubrange(transport..., with: message)
        bytes[network + (isIPv4 ? 9 : 6)] = isIPv4 ? 1 : 58
        if isIPv4 {
            bytes[network + 10] = 0
            bytes[network + 11] = 0
            var header = InternetChecksum()
            // Safe: as above.
            header.add(unsafe bytes.span.bytes, network..<network + 20)
            Self.store(header.field, in: &bytes, at: network + 10)
        }
        return bytes
    }

    private var linkHeader: [UInt8] {
        var bytes = Self.big(destinationMAC, 6) + Self.big(sourceMAC, 6)
        if let vlan { bytes += [0x81, 0x00] + Self.big(UInt64(vlan), 2) }
        return bytes + (source.address.isIPv4 ? [0x08, 0x00] : [0x86, 0xDD])
    }

    /// Reads a frame; nil when it is not whole or a checksum is wrong.
    public init?(_ frame: [UInt8]) {
        // Safe: bytes have no padding.
        let bytes = unsafe frame.span.bytes
        var packet = Packet()
        guard packet.parse(bytes) == nil, packet.transportProtocol == 6, packet.end - packet.transport >= 20 else {
            return nil
        }
        var sum = InternetChecksum(
            pseudoHeader: packet.source, packet.destination, protocol: 6, byteCount: packet.end - packet.transport)
        sum.add(bytes, packet.transport..<packet.end)
        guard sum.folded == 0xFFFF else { return nil }
        let start = packet.transport
        source = Endpoint(address: packet.source, port: bytes.bigEndian(at: start))
        destination = Endpoint(address: packet.destination, port: bytes.bigEndian(at: start + 2))
        sequence = bytes.bigEndian(at: start + 4)
        acknowledgment = bytes.bigEndian(at: start + 8)
        let headerByteCount = Int(frame[start + 12] >> 4) * 4
        control = frame[start + 13]
        window = bytes.bigEndian(at: start + 14)
        options = Array(frame[start + 20..<start + headerByteCount])
        payload = Array(frame[start + headerByteCount..<packet.end])
        destinationMAC = UInt64(bytes.bigEndian(UInt32.self, at: 0)) << 16 | UInt64(bytes.bigEndian(UInt16.self, at: 4))
        sourceMAC = UInt64(bytes.bigEndian(UInt32.self, at: 6)) << 16 | UInt64(bytes.bigEndian(UInt16.self, at: 10))
        vlan = packet.isTagged ? packet.vlan : nil
        trafficClass = packet.trafficClass
        hopLimit = bytes.bigEndian(UInt8.self, at: packet.network + (packet.isIPv6 ? 7 : 8))
        urgentPointer = bytes.bigEndian(UInt16.self, at: packet.transport + 18)
    }

    /// Kind and content of each option, up to one that is malformed.
    public var optionList: [(kind: UInt8, content: [UInt8])] {
        var list: [(UInt8, [UInt8])] = []
        var offset = 0
        while offset < options.count, options[offset] != 0 {
            if options[offset] == 1 {
                offset += 1
                continue
            }
            let length = offset + 1 < options.count ? Int(options[offset + 1]) : 0
            guard length >= 2, offset + length <= options.count else { break }
            list.append((options[offset], Array(options[offset + 2..<offset + length])))
            offset += length
        }
        return list
    }

    public static func big(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }

    public static func number(_ bytes: some Sequence<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

    private static func wire(_ address: Address) -> [UInt8] {
        big(UInt64(bigEndian: address.high), 8) + big(UInt64(bigEndian: address.low), 8)
    }

    private static func store(_ checksum: UInt16, in bytes: inout [UInt8], at offset: Int) {
        let big = UInt16(bigEndian: checksum)
        bytes[offset] = UInt8(big >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: big)
    }
}
