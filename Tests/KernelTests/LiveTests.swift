import BPF
import Glibc
import Linux
import TestSupport
import Testing

@testable import Manager

/// Real devices and real frames, in namespaces of their own.
@Suite("live", .serialized)
struct LiveTests {
    static let service: UInt8 = 9
    static let limits = SteeringLimits(slots: 8, bindings: 4096, flows: 64)

    private func steering(_ name: String = "live") throws -> Steering {
        _ = try Steering.removeLeftovers(instance: "\(name)-\(getpid())")
        return try Steering(instance: "\(name)-\(getpid())", limits: Self.limits)
    }

    private func define(
        _ steering: Steering, overflow: ServiceDefinition.Overflow = .refuse, returnsByPath: Bool = true
    ) throws {
        try steering.define(
            ServiceDefinition(
                id: Self.service, isolation: .client, overflow: overflow,
                endpoints: [
                    .init(address: IPAddress("10.99.0.1"), port: 80), .init(address: IPAddress("fd99::1"), port: 80),
                ], returnsByPath: returnsByPath))
    }

    private func value(_ steering: Steering, _ counter: String) throws -> UInt64 {
        try #require(steering.counters().first { $0.name == counter }).value
    }

    /// From an address that the client's kernel does not have, or it would answer the NF's segments with RST.
    private func syn(_ bed: LiveBed, from address: String = "10.99.0.20") throws -> PacketBuilder {
        let destinationMAC = try bed.mac(of: "port0", in: bed.host)
        let sourceMAC = try bed.mac(of: "client0", in: bed.client)
        return PacketBuilder(from: address, to: address.contains(":") ? "fd99::1" : "10.99.0.1").with {
            $0.destinationMAC = destinationMAC
            $0.sourceMAC = sourceMAC
        }
    }

    @Test("a client's frames reach its NF unchanged, the NF's answers reach the client, all else of the NF is dropped")
    func path() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        #expect(try steering.attach(port: bed.port()) == .native)
        try define(steering)
        let slots = [try bed.makeSlot(0), try bed.makeSlot(1)]
        for (index, slot) in slots.enumerated() {
            try steering.admit(slot.attachment(UInt32(index), service: Self.service))
            try steering.offer(slot: UInt32(index), service: Self.service)
        }
        let wire = try bed.tap("client0", in: bed.client)

        let syn = try syn(bed)
        try wire.send(syn)
        #expect(slots[0].receive() == syn.bytes)
        #expect(steering.binding(of: 0)?.client == IPAddress("10.99.0.20"))
        let syn6 = try self.syn(bed, from: "fd99::20")
        try wire.send(syn6)
        #expect(slots[1].receive() == syn6.bytes)

        let answer = syn.answer()
        try slots[0].output.send(answer)
        #expect(wire.receive { $0 == answer.bytes } != nil)
        try wire.send(syn.ack(5001))
        #expect(slots[0].receive() == syn.ack(5001).bytes)
        #expect(steering.binding(of: 0)?.isConfirmed == true)

        let forbidden: [(PacketBuilder, String)] = [
            (answer.with { $0.source = [10, 99, 0, 77] }, "egress_drop_source"),
            (answer.with { $0.destination = [10, 99, 0, 3] }, "egress_drop_destination"),
            (answer.with { $0.destinationMAC = [255, 255, 255, 255, 255, 255] }, "egress_drop_link"),
            (answer.with { $0.rawPayload = (0x0806, [UInt8](repeating: 0, count: 46)) }, "egress_drop_not_ip"),
        ]
        for (frame, counter) in forbidden {
            let before = try value(steering, counter)
            try slots[0].output.send(frame)
            #expect(
                wire.receive(milliseconds: 100) { Array($0.dropFirst(12)) == Array(frame.bytes.dropFirst(12)) } == nil)
            #expect(try value(steering, counter) == before + 1)
        }
        // Whatever link header it writes, the frame leaves with that of its client.
        for forged in [
            answer.with { $0.sourceMAC[5] ^= 1 }, answer.with { $0.destinationMAC[5] ^= 1 },
            answer.with { $0.vlans = [7] },
        ] {
            try slots[0].output.send(forged)
            #expect(wire.receive { $0 == answer.bytes } != nil)
        }
        // Nor to the host itself.
        let toHost = PacketBuilder(from: "10.99.0.9", to: "10.99.0.1").with { $0.destinationMAC = syn.destinationMAC }
        let before = try value(steering, "egress_drop_source")
        try slots[1].output.send(toHost)
        #expect(try value(steering, "egress_drop_source") == before + 1)
    }

    @Test("a VLAN-tagged client gets tagged answers")
    func vlan() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        _ = try steering.attach(port: bed.port())
        try define(steering)
        let slot = try bed.makeSlot(0)
        try steering.admit(slot.attachment(0, service: Self.service))
        try steering.offer(slot: 0, service: Self.service)
        let wire = try bed.tap("client0", in: bed.client)
        let syn = try syn(bed).with { $0.vlans = [42] }
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        // The receiver's kernel moves the tag out of the data (skb_vlan_untag) before packet sockets see the frame.
        let answer = syn.answer()
        let untagged = answer.with { $0.vlans = [] }.bytes
        for vlans: [UInt16] in [[42], [43], []] {
            try slot.output.send(answer.with { $0.vlans = vlans })
            #expect(wire.receive { $0 == untagged || $0 == answer.bytes } != nil)
        }
    }

    @Test("when all slots are taken a client gets RST; ping and ARP work all the time")
    func exhaustion() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        _ = try steering.attach(port: bed.port())
        try define(steering)
        let ping = ["netns", "exec", bed.client, "ping", "-c", "1", "-W", "2", "10.99.0.1"]
        #expect(throws: Never.self) { try LiveBed.run("/usr/sbin/ip", ping) }
        let slot = try bed.makeSlot(0)
        try steering.admit(slot.attachment(0, service: Self.service))
        try steering.offer(slot: 0, service: Self.service)
        let wire = try bed.tap("client0", in: bed.client)
        let late = try syn(bed, from: "10.99.0.21")
        let mac = late.sourceMAC.map { String($0, radix: 16) }.joined(separator: ":")
        try LiveBed.ip("neigh", "add", "10.99.0.21", "lladdr", mac, "dev", "port0", in: bed.host)
        func isReset(_ frame: [UInt8]) -> Bool {
            frame.count >= 54 && frame[12...13] == [8, 0] && frame[23] == 6 && frame[47] & 4 != 0
                && Array(frame[30..<34]) == [10, 99, 0, 21]
        }
        try wire.send(try syn(bed))
        #expect(slot.receive() != nil)
        try wire.send(late)
        #expect(wire.receive(isReset) != nil)
        #expect(try value(steering, "steer_answer_reset") == 1)

        try define(steering, overflow: .drop)
        try wire.send(late)
        #expect(wire.receive(milliseconds: 200, isReset) == nil)
        #expect(try value(steering, "steer_drop_overflow") == 1)

        try define(steering, overflow: .share)
        try steering.setShareTable(service: Self.service, slots: [0])
        try wire.send(late)
        #expect(slot.receive() == late.bytes)
        try slot.output.send(late.answer())
        #expect(wire.receive { $0 == late.answer().bytes } != nil)

        // The client of an NF that is gone gets RST at once; its next SYN finds the new one.
        try steering.unbind(slot: 0)
        try wire.send(late.ack(5001))
        #expect(wire.receive(isReset) != nil)
        try steering.retire(slot: 0)
        try slot.output.send(late.answer())
        #expect(wire.receive(milliseconds: 100) { $0 == late.answer().bytes } == nil)
        try steering.admit(slot.attachment(0, service: Self.service))
        try steering.offer(slot: 0, service: Self.service)
        try wire.send(late)
        #expect(slot.receive() == late.bytes)
        #expect(throws: Never.self) { try LiveBed.run("/usr/sbin/ip", ping) }
    }

    @Test("return by route: the kernel's tables say where and to which MAC address")
    func returnByRoute() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        _ = try steering.attach(port: bed.port())
        try define(steering, returnsByPath: false)
        let router: [UInt8] = [2, 0, 0, 0, 0, 0x77]
        let wire = try bed.tap("client0", in: bed.client)
        for (number, address) in ["10.99.0.20", "fd99::20"].enumerated() {
            try LiveBed.ip("neigh", "add", address, "lladdr", "2:0:0:0:0:77", "dev", "port0", in: bed.host)
            let slot = try bed.makeSlot(number)
            try steering.admit(slot.attachment(UInt32(number), service: Self.service))
            try steering.offer(slot: UInt32(number), service: Self.service)
            let syn = try syn(bed, from: address)
            try wire.send(syn)
            #expect(slot.receive() == syn.bytes)
            try slot.output.send(syn.answer())
            let routed = syn.answer().with { $0.destinationMAC = router }.bytes
            #expect(wire.receive { $0 == routed } != nil)
            let beyond = syn.answer().with {
                $0.destination = PacketBuilder.address(number == 0 ? "10.98.0.1" : "fd98::1")
            }
            try slot.output.send(beyond)
        }
        #expect(try value(steering, "egress_drop_destination") == 2)
    }

    /// A slot bound to a client beyond a router, answered by the kernel's routes.
    private func routed(_ bed: LiveBed, _ steering: Steering, _ syn: PacketBuilder) throws -> LiveSlot {
        try steering.setRouteDevice(index: try bed.makeRouteDevice())
        _ = try steering.attach(port: bed.port())
        try define(steering, returnsByPath: false)
        let slot = try bed.makeSlot(0)
        try steering.admit(slot.attachment(0, service: Self.service))
        try steering.offer(slot: 0, service: Self.service)
        return slot
    }

    @Test("the next hop is the router's that the kernel's routes name, and a router that takes over is followed at once")
    func failover() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let syn = try syn(bed, from: "10.98.0.7")
        try LiveBed.ip("route", "add", "10.98.0.0/16", "via", "10.99.0.254", "dev", "port0", in: bed.host)
        try LiveBed.ip("neigh", "add", "10.99.0.254", "lladdr", "2:0:0:0:0:71", "dev", "port0", in: bed.host)
        let slot = try routed(bed, steering, syn)
        let wire = try bed.tap("client0", in: bed.client)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        for number: UInt8 in [0x71, 0x72] {
            let mac = "2:0:0:0:0:" + String(number, radix: 16)
            try LiveBed.ip("neigh", "replace", "10.99.0.254", "lladdr", mac, "dev", "port0", in: bed.host)
            let expected = syn.answer().with { $0.destinationMAC = [2, 0, 0, 0, 0, number] }.bytes
            try slot.output.send(syn.answer())
            #expect(wire.receive { $0 == expected } != nil)
        }
        // No route, no way out: counted, and no violation of the NF.
        try LiveBed.ip("route", "del", "10.98.0.0/16", in: bed.host)
        try slot.output.send(syn.answer())
        #expect(wire.receive(milliseconds: 100) { $0.dropFirst(12) == syn.answer().bytes.dropFirst(12) } == nil)
        #expect(try value(steering, "egress_drop_no_route") == 1)
        // A route that leads out of something else than a port is none.
        try LiveBed.ip("route", "add", "10.98.0.0/16", "dev", "lo", in: bed.host)
        try slot.output.send(syn.answer())
        #expect(try value(steering, "egress_drop_no_route") == 2)
    }

    @Test("a neighbour that the kernel does not know is answered where it came from; the kernel asks once that fails")
    func unresolved() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let syn = try syn(bed, from: "10.99.0.20")
        let slot = try routed(bed, steering, syn)
        let wire = try bed.tap("client0", in: bed.client)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        func isRequest(_ frame: [UInt8]) -> Bool { frame[12] == 8 && frame[13] == 6 && Array(frame[38..<42]) == [10, 99, 0, 20] }
        // Of any sequence number: at first there is nothing to compare it with.
        let answer = syn.answer(sequence: 0xC000_0000)
        try slot.output.send(answer)
        #expect(wire.receive { $0 == answer.bytes || isRequest($0) } == answer.bytes)
        try slot.output.send(answer)
        #expect(wire.receive(isRequest) != nil)
    }

    @Test("a client with a link-local address is answered where it came from, by routes or not")
    func linkLocal() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let syn = try syn(bed, from: "fe80::77").with { $0.destination = PacketBuilder.address("fd99::1") }
        let slot = try routed(bed, steering, syn)
        let wire = try bed.tap("client0", in: bed.client)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        try slot.output.send(syn.answer())
        #expect(wire.receive { $0 == syn.answer().bytes } != nil)
    }

    @Test("a foreign XDP program is named and stays")
    func foreign() throws {
        let bed = try LiveBed()
        let other = try steering("other")
        defer { try? other.tearDown() }
        let port = try bed.port()
        _ = try other.attach(port: port)
        let id = try #require(try AttachedXDP.query(device: port.index, deviceName: port.name)).programID
        let mine = try steering()
        defer { try? mine.tearDown() }
        #expect(throws: SteeringError.foreignProgram(port: "port0", name: "steer", id: id, isNative: true)) {
            try mine.attach(port: port)
        }
        #expect(throws: SteeringError.alreadyAttached(port: "port0")) { try other.attach(port: port) }
        try mine.tearDown()
        #expect(try AttachedXDP.query(device: port.index, deviceName: port.name)?.programID == id)
    }

    @Test("a device whose driver has no XDP runs it in generic mode, and the reason is kept")
    func generic() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        // The loopback device of the bed's namespace.
        let device = unsafe if_nametoindex("lo")
        let port = PortInterface(name: "lo", index: device, mac: [0, 0, 0, 0, 0, 0])
        #expect(try steering.attach(port: port) == .generic)
        #expect(steering.nativeRefusals["lo"] != nil)
        #expect(try AttachedXDP.query(device: device, deviceName: "lo")?.isNative == false)
        try steering.detach(portNamed: "lo")
        #expect(try AttachedXDP.query(device: device, deviceName: "lo") == nil)
        withExtendedLifetime(bed) {}
    }

    @Test("generic mode delivers through the slot, too")
    func genericPath() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        let port = try bed.port()
        let link = try ProgramLink.attachXDP(
            steering.maps.steer, device: port.index, deviceName: "port0", flags: .generic)
        try define(steering)
        let slot = try bed.makeSlot(0)
        try steering.admit(slot.attachment(0, service: Self.service))
        try steering.offer(slot: 0, service: Self.service)
        let wire = try bed.tap("client0", in: bed.client)
        let syn = try syn(bed)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        try slot.output.send(syn.answer())
        #expect(wire.receive { $0 == syn.answer().bytes } != nil)
        link.detach()
    }

    @Test("the death of the manager stops nothing; cleanup removes what it left, once")
    func leftovers() throws {
        let bed = try LiveBed()
        let instance = "live-\(getpid())"
        let slot = try bed.makeSlot(0)
        let port = try bed.port()
        do {
            let steering = try steering()
            _ = try steering.attach(port: port)
            try define(steering)
            try steering.admit(slot.attachment(0, service: Self.service))
            try steering.offer(slot: 0, service: Self.service)
        }
        let wire = try bed.tap("client0", in: bed.client)
        let syn = try syn(bed)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        try slot.output.send(syn.answer())
        #expect(wire.receive { $0 == syn.answer().bytes } != nil)
        #expect(throws: SteeringError.instanceExists(instance)) {
            try Steering(instance: instance, limits: Self.limits)
        }

        #expect(try Steering.removeLeftovers(instance: instance))
        #expect(try AttachedXDP.query(device: port.index, deviceName: port.name) == nil)
        #expect(try AttachedXDP.query(device: slot.nfIndex, deviceName: "NF end") == nil)
        #expect(try !Steering.removeLeftovers(instance: instance))
        #expect(try PinDirectory.open(instance) == nil)
    }

    @Test("a slot whose devices are not all there is refused, leaves no pin, and is admitted once they are")
    func missingDevice() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        _ = try steering.attach(port: bed.port())
        try define(steering)
        let slot = try bed.makeSlot(0)
        var attachment = slot.attachment(0, service: Self.service)
        attachment.tapIndex = 999_999
        #expect(throws: (any Error).self) { try steering.admit(attachment) }
        #expect(!steering.pins.entries.contains { $0.hasPrefix("egress_") || $0.hasPrefix("deliver_") })
        #expect(steering.maps.slotDevices.value(for: 999_999) == nil)
        attachment.tapIndex = nil
        try steering.admit(attachment)
        #expect(steering.pins.entries.contains("deliver_0"))
        // Nothing but the egress program sends an answer on to the port.
        try steering.offer(slot: 0, service: Self.service)
        let wire = try bed.tap("client0", in: bed.client)
        let syn = try syn(bed)
        try wire.send(syn)
        #expect(slot.receive() == syn.bytes)
        try slot.output.send(syn.answer())
        #expect(wire.receive { $0 == syn.answer().bytes } != nil)
    }

    @Test("a deleted slot device takes its programs along; the slot is admitted again with new ones")
    func newDevices() throws {
        let bed = try LiveBed()
        let steering = try steering()
        defer { try? steering.tearDown() }
        _ = try steering.attach(port: bed.port())
        try define(steering)
        let wire = try bed.tap("client0", in: bed.client)
        for round in 0..<3 {
            let slot = try bed.makeSlot(round)
            try steering.admit(slot.attachment(0, service: Self.service))
            #expect(throws: SteeringError.slotInUse(0)) {
                try steering.admit(slot.attachment(0, service: Self.service))
            }
            try steering.offer(slot: 0, service: Self.service)
            #expect(throws: SteeringError.slotNotReady(0)) { try steering.offer(slot: 0, service: Self.service) }
            try wire.send(try syn(bed))
            #expect(slot.receive() != nil)
            try steering.unbind(slot: 0)
            try steering.retire(slot: 0)
            if round == 1 { try steering.detach(slot: 0) }
            try LiveBed.ip("link", "del", "ovs\(round)h", in: bed.host)
        }
        #expect(try value(steering, "deliver_delivered") == 3)
    }

    @Test("a bad instance name is refused")
    func badName() throws {
        for name in ["", "a/b", "..", "a.b"] {
            #expect(throws: SteeringError.badInstanceName(name)) { try Steering(instance: name) }
        }
    }
}
