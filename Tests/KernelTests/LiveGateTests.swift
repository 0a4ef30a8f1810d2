import BPF
import CBPFTypes
import Glibc
import Linux
import PacketHeaders
import TCPStack
import TestSupport
import Testing

@testable import Manager

/// The SYN gate's answers on real devices, by each way that they may have to leave.
@Suite("live SYN gate", .serialized)
struct LiveGateTests {
    private static let service: UInt8 = 9

    private func steering() throws -> Steering {
        _ = try Steering.removeLeftovers(instance: "gate-\(getpid())")
        let steering = try Steering(
            instance: "gate-\(getpid())", limits: SteeringLimits(slots: 8, bindings: 4096, flows: 64))
        try steering.define(
            ServiceDefinition(
                id: Self.service, isolation: .client, overflow: .refuse,
                endpoints: [
                    .init(address: IPAddress("10.99.0.1"), port: 80), .init(address: IPAddress("fd99::1"), port: 80),
                ], gate: GateTests.gate))
        return steering
    }

    private func syns(_ bed: LiveBed) throws -> [PacketBuilder] {
        let destinationMAC = try bed.mac(of: "port0", in: bed.host)
        let sourceMAC = try bed.mac(of: "client0", in: bed.client)
        return [("10.99.0.20", "10.99.0.1"), ("fd99::20", "fd99::1")].map { source, destination in
            PacketBuilder(from: source, to: destination).with {
                $0.destinationMAC = destinationMAC
                $0.sourceMAC = sourceMAC
                $0.tcpOptions = GateTests.options
            }
        }
    }

    /// The SYN,ACK for this SYN.
    private func synchronizeAcknowledgment(of syn: PacketBuilder, on wire: PacketSocket) -> [UInt8]? {
        wire.receive { frame in
            guard let segment = SegmentTemplate(frame) else { return false }
            return segment.control == 0x12 && segment.destination.port == syn.sourcePort
                && segment.source.address.isIPv4 == (syn.source.count == 4)
        }
    }

    private func ping(_ bed: LiveBed) throws {
        try LiveBed.run(
            "/usr/sbin/ip", ["netns", "exec", bed.client, "ping", "-c", "1", "-W", "2", "10.99.0.1"])
    }

    /// A SYN is answered, its ACK gets the slot, and the facts lie in front of it in the NF's memory.
    private func expectWholeHandshake(_ bed: LiveBed, _ steering: Steering) throws {
        let wire = try bed.tap("client0", in: bed.client)
        for (index, syn) in try syns(bed).enumerated() {
            try wire.send(syn)
            let answer = try #require(synchronizeAcknowledgment(of: syn, on: wire), "no SYN,ACK")
            let slot = try bed.makeSlot(index)
            try steering.admit(slot.attachment(UInt32(index), service: Self.service))
            try steering.offer(slot: UInt32(index), service: Self.service)
            let ack = try GateTests.ack(syn, answer, [1, 2, 3])
            try wire.send(ack)
            #expect(slot.receive() == ack.bytes)
            let facts = unsafe slot.metadata.withUnsafeBytes { unsafe $0.loadUnaligned(as: onvm_gate_facts.self) }
            #expect(facts.magic == ONVM_GATE_FACTS_MAGIC && facts.segment_size == 1_460)
            #expect(steering.binding(of: UInt32(index))?.isConfirmed == true)
            let settled = ack.with { $0.transport = .tcp(flags: .ack, sequence: 4_000, acknowledgment: 9) }
            try wire.send(settled)
            #expect(slot.receive() == settled.bytes)
        }
    }

    @Test("on a veth in native mode, by the tc program")
    func native() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        #expect(try steering.attach(port: bed.port()) == .native)
        try expectWholeHandshake(bed, steering)
        #expect(throws: Never.self) { try ping(bed) }
    }

    @Test("in generic mode, by XDP_TX")
    func generic() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let port = try bed.port()
        let link = try ProgramLink.attachXDP(
            steering.maps.steer, device: port.index, deviceName: "port0", flags: .generic)
        #expect(try steering.prepareAnswers(port, .generic) == nil)
        try expectWholeHandshake(bed, steering)
        withExtendedLifetime(link) {}
    }

    @Test("by clsact on older kernels; an operator's filters and qdisc stay as they were", arguments: [true, false])
    func clsact(hasOperator: Bool) throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let port = try bed.port()
        let tc = { (arguments: String...) in
            try LiveBed.run("/usr/sbin/ip", ["netns", "exec", bed.host, "tc"] + arguments)
        }
        if hasOperator {
            // Any program will do, and not every kernel has other classifiers.
            try TrafficControl.attachIngress(steering.maps.answer, device: port.index, deviceName: "port0")
        }
        let before = try tc("qdisc", "show", "dev", "port0")
        let link = try ProgramLink.attachXDP(
            steering.maps.steer, device: port.index, deviceName: "port0", flags: .native)
        try steering.maps.gatePorts.update(
            port.index, UInt32(ONVM_PORT_ANSWERS_BY_TC | ONVM_PORT_PARTIAL_CHECKSUMS))
        let filter = try steering.attachAnswersByClsact(port)
        try expectWholeHandshake(bed, steering)
        #expect(throws: Never.self) { try ping(bed) }
        #expect(try tc("filter", "show", "dev", "port0", "ingress").contains("pref 20302 bpf"))
        if hasOperator {
            steering.detachAnswers(filter, device: port.index)
        } else {
            // As after a crash.
            Steering.removeLeftoverAnswers(steering.pins.entries)
        }
        #expect(try tc("qdisc", "show", "dev", "port0") == before)
        let left = try tc("filter", "show", "dev", "port0", "ingress")
        #expect(left.contains("pref 1 bpf") == hasOperator && !left.contains("pref 20302"))
        withExtendedLifetime(link) {}
    }

    @Test("what was attached goes with the port")
    func restored() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let port = try bed.port()
        let before = try LiveBed.run("/usr/sbin/ip", ["netns", "exec", bed.host, "tc", "qdisc", "show"])
        _ = try steering.attach(port: port)
        #expect(steering.pins.entries.contains { $0.hasSuffix("_\(port.index)") && !$0.hasPrefix("port") })
        try steering.detach(portNamed: "port0")
        #expect(!steering.pins.entries.contains { $0.hasSuffix("_\(port.index)") })
        #expect(try LiveBed.run("/usr/sbin/ip", ["netns", "exec", bed.host, "tc", "qdisc", "show"]) == before)
        // A marked answer has nobody to send it, so nothing comes back.
        let again = try ProgramLink.attachXDP(
            steering.maps.steer, device: port.index, deviceName: "port0", flags: .native)
        try steering.maps.gatePorts.update(
            port.index, UInt32(ONVM_PORT_ANSWERS_BY_TC | ONVM_PORT_PARTIAL_CHECKSUMS))
        let wire = try bed.tap("client0", in: bed.client)
        let syn = try syns(bed)[0]
        try wire.send(syn)
        #expect(
            wire.receive(milliseconds: 200) { SegmentTemplate($0)?.control == 0x12 } == nil)
        withExtendedLifetime(again) {}
    }
}
