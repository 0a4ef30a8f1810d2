import BPF
import CBPFTypes
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Manager

/// A steering instance without devices: programs run by BPF_PROG_TEST_RUN, which lets every frame arrive on device 1
/// (`lo`) and records redirects instead of doing them.
final class Bench {
    let steering: Steering
    private static let serial = Atomic<Int>(0)

    /// What BPF_PROG_TEST_RUN uses as the receiving device.
    static let device: UInt32 = 1
    static let service: UInt8 = 7
    static let portMAC: [UInt8] = [2, 0, 0, 0, 0, 0x01]

    init(limits: SteeringLimits = SteeringLimits(slots: 16, bindings: 4096, flows: 64)) throws {
        guard geteuid() == 0 else { throw NotRoot() }
        let number = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
        steering = try Steering(instance: "test-\(getpid())-\(number)", limits: limits)
    }

    deinit { try? steering.tearDown() }

    struct NotRoot: Error, CustomStringConvertible {
        var description: String { "the kernel tests load eBPF programs: run them as root" }
    }

    /// TCP port 80 of 10.0.0.1 and fd00::1, UDP port 53 of 10.0.0.1.
    func define(
        _ isolation: ServiceDefinition.Isolation = .client, overflow: ServiceDefinition.Overflow = .refuse,
        wildcard: Bool = false, prefix: Int = 128, halfOpenLimit: UInt32 = 0, prefixLimit: UInt32 = 0,
        addressLimit: UInt32 = 0, guestLimit: UInt32 = 16, returnsByPath: Bool = false,
        gate: ServiceDefinition.Gate? = nil
    ) throws {
        let any: [ServiceDefinition.Endpoint] = [.init(address: nil, port: 80)]
        let exact: [ServiceDefinition.Endpoint] = [
            .init(address: IPAddress("10.0.0.1"), port: 80), .init(address: IPAddress("fd00::1"), port: 80),
            .init(address: IPAddress("10.0.0.1"), port: 53, transport: .udp),
        ]
        try steering.define(
            ServiceDefinition(
                id: Self.service, isolation: isolation, overflow: overflow, endpoints: wildcard ? any : exact,
                ipv6PrefixLength: prefix, halfOpenLimit: halfOpenLimit, prefixLimit: prefixLimit,
                addressLimit: addressLimit, guestLimit: guestLimit, returnsByPath: returnsByPath, gate: gate))
    }

    /// What `admit` does, without devices and links.
    func admit(_ slot: UInt32, rate: SlotAttachment.Rate? = nil) throws {
        let state = try steering.state(of: slot)
        var element = onvm_slot()
        element.state = SlotState(generation: state.generation + 1, kind: Int(ONVM_SLOT_PREPARED)).word
        element.service = Self.service
        element.isolation = steering.maps.services.value(for: UInt32(Self.service))?.isolation ?? 0
        element.host_device = Self.device
        element.rate = rate?.bytesPerSecond ?? 0
        element.burst = rate?.burstBytes ?? 0
        element.tokens = Int64(clamping: element.burst)
        steering.maps.slots[Int(slot)] = element
        try steering.maps.hosts.update(slot, Self.device)
        try steering.maps.slotDevices.update(Self.device, slot)
    }

    func offer(_ slots: UInt32...) throws {
        for slot in slots {
            try admit(slot)
            try steering.offer(slot: slot, service: Self.service)
        }
    }

    func events() -> [SteeringEvent] {
        var events: [SteeringEvent] = []
        steering.drainEvents { events.append($0) }
        return events
    }

    enum Verdict: UInt32 { case drop = 1, pass = 2, transmit = 3, redirect = 4 }

    /// Runs `steer` on the frame; checks the verdict, that the frame is unchanged, and that exactly these counters moved.
    func steer(
        _ frame: PacketBuilder, _ verdict: Verdict, _ counters: String...,
        location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        try steer(bytes: frame.bytes, verdict, counters, location)
    }

    func steer(bytes: [UInt8], _ verdict: Verdict, _ counters: [String], _ location: Testing.SourceLocation) throws {
        let before = try snapshot()
        let result = try steering.maps.steer.testRun(bytes)
        #expect(Verdict(rawValue: result.verdict) == verdict, sourceLocation: location)
        #expect(result.frame == bytes, "steer never changes a frame", sourceLocation: location)
        #expect(try moved(since: before) == Set(counters), sourceLocation: location)
    }

    /// Runs `steer` on a frame that it answers: exactly the outcome's counter moved, and the answer goes back.
    @discardableResult
    func answered(
        _ frame: PacketBuilder, _ outcome: String, by verdict: Verdict = .transmit,
        location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [UInt8] {
        let before = try snapshot()
        let result = try steering.maps.steer.testRun(frame.bytes)
        #expect(Verdict(rawValue: result.verdict) == verdict, sourceLocation: location)
        #expect(try moved(since: before) == [outcome], sourceLocation: location)
        return result.frame
    }

    enum Egress: UInt32 { case drop = 2, redirect = 7 }

    /// Runs `egress` on a frame that the NF of the slot sent.
    func egress(
        _ frame: PacketBuilder, from slot: UInt32, cutInto segmentByteCount: UInt32 = 0, _ verdict: Egress,
        _ counters: String..., location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        try steering.maps.slotDevices.update(Self.device, slot)
        let before = try snapshot()
        let result = try steering.maps.egress.testRun(frame.bytes, context: Self.context(segmentByteCount))
        #expect(Egress(rawValue: result.verdict) == verdict, sourceLocation: location)
        #expect(try moved(since: before) == Set(counters), sourceLocation: location)
    }

    /// struct __sk_buff of <linux/bpf.h>: 192 bytes, gso_size at 176; empty: the default.
    static func context(_ segmentByteCount: UInt32) -> [UInt8] {
        guard segmentByteCount > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 192)
        for index in 0..<4 { buffer[176 + index] = UInt8(truncatingIfNeeded: segmentByteCount >> UInt32(8 * index)) }
        return buffer
    }

    typealias MACBytes = (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)
    static func mac(_ bytes: MACBytes) -> [UInt8] { [bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5] }

    func snapshot() throws -> [String: UInt64] {
        Dictionary(uniqueKeysWithValues: try steering.counters().map { ($0.name, $0.value) })
    }

    /// The counters that went up by one; others that changed are listed with their difference.
    func moved(since before: [String: UInt64]) throws -> Set<String> {
        Set(
            try steering.counters().compactMap { name, value in
                let difference = value - before[name, default: 0]
                return difference == 0 ? nil : difference == 1 ? name : "\(name) +\(difference)"
            })
    }
}

/// The frames most tests start from: a client's SYN to the service.
enum Client {
    static let syn = PacketBuilder(from: "10.0.0.2", to: "10.0.0.1")
    static let syn6 = PacketBuilder(from: "fd00::2", to: "fd00::1")
    static let datagram = syn.with {
        $0.transport = .udp
        $0.destinationPort = 53
        $0.payload = [1, 2, 3]
    }
    static func syn(from address: String) -> PacketBuilder { syn.with { $0.source = PacketBuilder.address(address) } }
}

extension PacketBuilder {
    func ack(_ acknowledgment: UInt32 = 1) -> PacketBuilder {
        with { $0.transport = .tcp(flags: .ack, sequence: 1001, acknowledgment: acknowledgment) }
    }
    func flags(_ flags: TCPFlags) -> PacketBuilder { with { $0.transport = .tcp(flags: flags) } }
    /// The NF's answer to this frame.
    func answer(_ flags: TCPFlags = [.syn, .ack], sequence: UInt32 = 5000) -> PacketBuilder {
        reversed(.tcp(flags: flags, sequence: sequence, acknowledgment: 1001))
    }
}
