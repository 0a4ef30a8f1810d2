import PacketHeaders
import TCPStack
import TestSupport
import Testing

@Suite struct PacketTests {
    private func segment(isIPv6: Bool, vlan: UInt16? = nil) -> [UInt8] {
        var template = SegmentTemplate(
            from: Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: 1_234),
            to: Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80))
        template.payload = [1, 2, 3]
        template.vlan = vlan
        return template.frame
    }

    private func parse(_ frame: [UInt8]) -> (Packet, PacketFault?) {
        var packet = Packet()
        // Safe: bytes have no padding.
        let fault = packet.parse(unsafe frame.span.bytes)
        return (packet, fault)
    }

    @Test(arguments: [false, true], [nil, 5, 4_095] as [UInt16?])
    func offsets(isIPv6: Bool, vlan: UInt16?) {
        let frame = segment(isIPv6: isIPv6, vlan: vlan)
        let (packet, fault) = parse(frame)
        #expect(fault == nil)
        #expect(packet.network == (vlan == nil ? 14 : 18))
        #expect(packet.transport == packet.network + (isIPv6 ? 40 : 20))
        #expect(packet.end == frame.count)
        #expect(packet.transportProtocol == Packet.tcp && packet.isIPv6 == isIPv6)
        #expect(packet.isTagged == (vlan != nil) && (vlan == nil || packet.vlan == vlan))
        #expect(packet.source == Simulation.address(2, isIPv6: isIPv6))
        #expect(packet.destination == Simulation.address(1, isIPv6: isIPv6))
    }

    @Test(arguments: [false, true])
    func paddingIsNotPartOfThePacket(isIPv6: Bool) {
        let frame = segment(isIPv6: isIPv6)
        let (packet, fault) = parse(frame + [0, 0, 0, 0, 0, 0])
        #expect(fault == nil && packet.end == frame.count)
    }

    /// A frame cut anywhere is a fault, never a trap.
    @Test(arguments: [false, true])
    func everyPrefixIsRefused(isIPv6: Bool) {
        let frame = segment(isIPv6: isIPv6, vlan: 1)
        for count in 0..<frame.count {
            let (_, fault) = parse(Array(frame[..<count]))
            #expect(fault != nil, "\(count) bytes")
        }
    }

    private func faultAfter(isIPv6: Bool, _ change: (inout [UInt8]) -> Void) -> PacketFault? {
        var frame = segment(isIPv6: isIPv6)
        change(&frame)
        return parse(frame).1
    }

    @Test func faultsOfIPv4() {
        #expect(faultAfter(isIPv6: false) { $0[12] = 0x88 } == .notIP)
        #expect(faultAfter(isIPv6: false) { $0[14] = 0x65 } == .malformedIPv4)
        #expect(faultAfter(isIPv6: false) { $0[14] = 0x44 } == .malformedIPv4)
        #expect(faultAfter(isIPv6: false) { $0[14] = 0x4F } == .malformedIPv4)
        #expect(faultAfter(isIPv6: false) { $0[16] = 0xFF } == .malformedIPv4)
        #expect(faultAfter(isIPv6: false) { $0[22] ^= 1 } == .ipv4Checksum)
        // More fragments; a fragment offset. Both with a matching checksum.
        #expect(
            faultAfter(isIPv6: false) {
                $0[20] = 0x20; Self.fixChecksum(&$0)
            } == .fragment)
        #expect(
            faultAfter(isIPv6: false) {
                $0[21] = 0x01; Self.fixChecksum(&$0)
            } == .fragment)
    }

    private static func fixChecksum(_ frame: inout [UInt8]) {
        frame[24] = 0
        frame[25] = 0
        var sum = InternetChecksum()
        // Safe: bytes have no padding.
        sum.add(unsafe frame.span.bytes, 14..<34)
        frame[24] = UInt8(UInt16(bigEndian: sum.field) >> 8)
        frame[25] = UInt8(truncatingIfNeeded: UInt16(bigEndian: sum.field))
    }

    @Test func faultsOfIPv6() {
        #expect(faultAfter(isIPv6: true) { $0[14] = 0x45 } == .malformedIPv6)
        #expect(faultAfter(isIPv6: true) { $0[18] = 0xFF } == .malformedIPv6)
        #expect(faultAfter(isIPv6: true) { $0[20] = 44 } == .fragment)
        #expect(fragmentFault(0, 0) == nil, "an atomic fragment is a whole packet (RFC 6946)")
        #expect(fragmentFault(0, 1) == .fragment, "more to come")
        #expect(fragmentFault(0, 8) == .fragment, "an offset")
        #expect(fragmentFault(0, 6) == nil, "reserved bits say nothing (RFC 8200 §4.5)")
        #expect(fragmentFault(16, 0) == .fragment, "an offset")
        // A hop-by-hop header that reaches beyond the packet.
        #expect(
            faultAfter(isIPv6: true) {
                $0[20] = 0; $0[55] = 200
            } == .malformedIPv6)
    }

    /// The segment behind a Fragment header (RFC 8200 §4.5) with these two bytes of offset and flags.
    private func fragmentFault(_ first: UInt8, _ second: UInt8) -> PacketFault? {
        var frame = segment(isIPv6: true)
        frame.insert(contentsOf: [6, 0, first, second, 0, 0, 0, 7], at: 54)
        frame[20] = 44
        frame[19] += 8
        var packet = Packet()
        // Safe: bytes have no padding.
        let fault = packet.parse(unsafe frame.span.bytes)
        if fault == nil {
            #expect(packet.transport == 62)
            #expect(packet.transportProtocol == Packet.tcp)
        }
        return fault
    }

    /// Extension headers lead to the transport header; a chain without end is refused.
    @Test func extensionHeaders() {
        var frame = segment(isIPv6: true)
        let header: [UInt8] = [6, 0, 1, 4, 0, 0, 0, 0]
        frame.insert(contentsOf: header, at: 54)
        frame[20] = 60
        frame[19] += 8
        let (packet, fault) = parse(frame)
        #expect(fault == nil && packet.transport == 62 && packet.transportProtocol == Packet.tcp)

        var endless = Array(segment(isIPv6: true)[..<54])
        for _ in 0..<20 { endless += [60, 0, 1, 4, 0, 0, 0, 0] }
        endless[20] = 60
        endless[19] = 160
        #expect(parse(endless).1 == .malformedIPv6)
    }

    @Test func ipv4OptionsAreSkipped() {
        var frame = segment(isIPv6: false)
        frame.insert(contentsOf: [1, 1, 1, 0], at: 34)
        frame[14] = 0x46
        frame[17] += 4
        frame[24] = 0
        frame[25] = 0
        var sum = InternetChecksum()
        // Safe: bytes have no padding.
        sum.add(unsafe frame.span.bytes, 14..<38)
        frame[24] = UInt8(UInt16(bigEndian: sum.field) >> 8)
        frame[25] = UInt8(truncatingIfNeeded: UInt16(bigEndian: sum.field))
        let (packet, fault) = parse(frame)
        #expect(fault == nil && packet.transport == 38)
    }

    @Test func unicastSources() {
        func ipv4(_ value: UInt32) -> Address { Address(ipv4: value.bigEndian) }
        #expect(ipv4(0x0A00_0001).isUnicastSource)
        #expect(!ipv4(0).isUnicastSource && !ipv4(0x7F00_0001).isUnicastSource)
        #expect(!ipv4(0xE000_0001).isUnicastSource && !ipv4(0xFFFF_FFFF).isUnicastSource)
        #expect(Simulation.address(1, isIPv6: true).isUnicastSource)
        #expect(!Address.any.isUnicastSource)
        #expect(!Address(high: 0, low: UInt64(1).bigEndian).isUnicastSource)
        #expect(!Address(high: (0xFF02_0000_0000_0000 as UInt64).bigEndian, low: 1).isUnicastSource)
    }
}
