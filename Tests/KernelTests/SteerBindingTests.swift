import BPF
import CBPFTypes
import TestSupport
import Testing

@testable import Manager

/// Who gets which slot, and what everybody else gets.
@Suite("steer: binding and assignment", .serialized)
struct SteerBindingTests {
    let bench: Bench

    init() throws { bench = try Bench() }

    @Test("isolation client: one slot for all connections of an address")
    func client() throws {
        try bench.define(.client)
        try bench.offer(3, 4)
        #expect(bench.steering.idleCount(service: Bench.service) == 2)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.syn.with { $0.sourcePort = 40_001 }, .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn.ack(), .redirect, "steer_redirect_bound")
        try bench.steer(Client.datagram, .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn(from: "10.0.0.3"), .redirect, "steer_redirect_assigned", "steer_assigned")

        let client = try #require(IPAddress("10.0.0.2"))
        let binding = try #require(bench.steering.binding(of: 3))
        #expect(binding.client == client)
        #expect(binding.clientPort == 40_000)
        #expect(binding.local == IPAddress("10.0.0.1"))
        #expect(binding.localPort == 80)
        #expect(!binding.isConfirmed && !binding.isShared)
        #expect(bench.steering.binding(of: 4)?.client == IPAddress("10.0.0.3"))
        #expect(bench.steering.idleCount(service: Bench.service) == 0)
        #expect(
            bench.events() == [
                .bound(slot: 3, service: Bench.service, client: client, clientPort: 40_000, shared: false),
                .bound(
                    slot: 4, service: Bench.service, client: try #require(IPAddress("10.0.0.3")), clientPort: 40_000,
                    shared: false),
            ])
        let counters = Dictionary(uniqueKeysWithValues: try bench.steering.slotCounters(3).map { ($0.name, $0.value) })
        #expect(counters["steered"] == 4)
        #expect(counters["steered_bytes"] == UInt64(3 * 54 + 45))
    }

    @Test("isolation connection: one slot for each 5-tuple")
    func connection() throws {
        try bench.define(.connection)
        try bench.offer(0, 1, 2)
        let second = Client.syn.with { $0.sourcePort = 40_001 }
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(second, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.syn.ack(), .redirect, "steer_redirect_bound")
        #expect(bench.steering.binding(of: 0)?.clientPort == 40_000)
        #expect(bench.steering.binding(of: 1)?.clientPort == 40_001)
        try bench.steer(second.with { $0.sourcePort = 40_002 }.ack(), .pass, "steer_pass_no_binding")
    }

    @Test("isolation none: the sole slot gets all, without a binding")
    func sole() throws {
        try bench.define(.none)
        try bench.steer(Client.syn, .pass, "steer_pass_dead_slot")
        try bench.offer(5)
        for frame in [
            Client.syn, Client.syn.ack(), Client.syn6, Client.datagram, Client.syn(from: "10.9.9.9").flags(.rst),
        ] {
            try bench.steer(frame, .redirect, "steer_redirect_sole")
        }
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        try bench.steering.unbind(slot: 5)
        try bench.steer(Client.syn, .pass, "steer_pass_dead_slot")
    }

    @Test("the VLANs by which clients reach a sole slot are remembered, once each, and forgotten with it")
    func soleVLANs() throws {
        try bench.define(.none)
        try bench.offer(5)
        for vlans: [UInt16] in [[], [7], [8], [7]] {
            try bench.steer(Client.syn.with { $0.vlans = vlans }, .redirect, "steer_redirect_sole")
        }
        #expect(bench.steering.maps.slotVLANs.keys.map { $0.vlan & 0xFFF }.sorted() == [7, 8])
        try bench.steering.unbind(slot: 5)
        #expect(bench.steering.maps.slotVLANs.keys.isEmpty)
    }

    @Test("IPv6 clients are told apart by the configured prefix", arguments: [(128, 2), (64, 1)])
    func prefix(length: Int, slots: Int) throws {
        try bench.define(prefix: length)
        try bench.offer(0, 1)
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
        let neighbour = Client.syn6.with { $0.source = PacketBuilder.address("fd00::3") }
        if slots == 1 {
            try bench.steer(neighbour, .redirect, "steer_redirect_bound")
        } else {
            try bench.steer(neighbour, .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        try bench.steering.unbind(slot: 0)
        #expect(bench.steering.maps.bindings.keys.count == slots - 1)
    }

    @Test(
        "only a pure SYN assigns",
        arguments: [
            PacketBuilder.TCPFlags.ack, [.syn, .ack], [.syn, .rst], [.syn, .fin], .rst, .fin, [], [.psh, .ack],
        ])
    func notSYN(flags: PacketBuilder.TCPFlags) throws {
        try bench.define()
        try bench.offer(0)
        try bench.steer(Client.syn.flags(flags), .pass, "steer_pass_no_binding")
    }

    @Test("a SYN that negotiates ECN (RFC 3168) assigns, and so does a first datagram")
    func otherFirstPackets() throws {
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn.flags([.syn, .ece, .cwr]), .redirect, "steer_redirect_assigned", "steer_assigned")
        let datagram = Client.datagram.with { $0.source = [10, 0, 0, 77] }
        try bench.steer(datagram, .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    @Test("no idle slot: refuse and drop", arguments: [ServiceDefinition.Overflow.refuse, .drop])
    func overflow(policy: ServiceDefinition.Overflow) throws {
        try bench.define(overflow: policy)
        if policy == .refuse {
            try bench.answered(Client.syn, "steer_answer_reset")
        } else {
            try bench.steer(Client.syn, .drop, "steer_drop_overflow")
        }
        #expect(bench.events() == [.idleEmpty(service: Bench.service)])
        #expect(bench.steering.maps.bindings.keys.isEmpty)
    }

    @Test("no idle slot: share with a running one, the same for the same client")
    func share() throws {
        try bench.define(overflow: .share)
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let late = Client.syn(from: "10.0.0.50")
        try bench.answered(late, "steer_answer_reset")
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        _ = bench.events()
        try bench.steer(late, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        try bench.steer(late, .redirect, "steer_redirect_bound")
        try bench.steer(late.ack(), .redirect, "steer_redirect_bound")
        #expect(bench.steering.binding(of: 0)?.isShared == true)
        #expect(bench.steering.binding(of: 0)?.client == IPAddress("10.0.0.2"))
        let address = try #require(IPAddress("10.0.0.50"))
        let bound = SteeringEvent.bound(
            slot: 0, service: Bench.service, client: address, clientPort: 40_000, shared: true)
        #expect(bench.events().contains(bound))
        // Releasing the slot releases the guest, too.
        try bench.steering.unbind(slot: 0)
        try bench.steer(late.ack(), .pass, "steer_pass_no_binding")
        // And its next SYN finds another.
        try bench.steering.retire(slot: 0)
        try bench.offer(0)
        try bench.steer(late, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(late.ack(), .redirect, "steer_redirect_bound")
    }

    @Test("an overloaded service sheds new clients and keeps its own")
    func overload() throws {
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        bench.steering.setOverloaded(true, service: Bench.service)
        try bench.steer(Client.syn(from: "10.0.0.9"), .drop, "steer_drop_overload")
        try bench.steer(Client.syn.ack(), .redirect, "steer_redirect_bound")
        bench.steering.setOverloaded(false, service: Bench.service)
        try bench.steer(Client.syn(from: "10.0.0.9"), .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    @Test("unbind frees the client at once: its next segment gets RST, its next SYN another slot")
    func unbind() throws {
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let generation = try bench.steering.state(of: 0).generation
        try bench.steering.unbind(slot: 0)
        #expect(try bench.steering.state(of: 0).generation == generation + 1)
        #expect(bench.steering.binding(of: 0) == nil)
        try bench.steer(Client.syn.ack(), .pass, "steer_pass_no_binding")
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.binding(of: 1)?.client == IPAddress("10.0.0.2"))
    }

    @Test("a slot that died while idle is skipped in the queue")
    func staleIdle() throws {
        try bench.define()
        try bench.offer(0, 1)
        let queue = try #require(bench.steering.idleQueues[Bench.service])
        // As if the queue's entry of slot 0 came back after `unbind` took it out.
        let popped = queue.queue.pop()
        let stale = try #require(popped)
        try queue.queue.push(onvm_idle_slot(slot: stale.slot, generation: stale.generation))
        let other = queue.queue.pop()
        try queue.queue.push(try #require(other))
        try bench.steering.unbind(slot: 0)
        let left = queue.queue.pop()
        #expect(left?.slot == 1)
        try queue.queue.push(stale)
        try queue.queue.push(try #require(left))
        #expect(bench.steering.idleCount(service: Bench.service) == 1)
        try bench.steer(Client.syn, .redirect, "steer_stale_idle", "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.binding(of: 1) != nil)
    }

    @Test("slots that die again and again while idle do not fill the queue, and the others stay in it")
    func idleChurn() throws {
        try bench.define()
        try bench.offer(0, 1, 2)
        for _ in 0..<500 {
            try bench.steering.unbind(slot: 1)
            try bench.steering.retire(slot: 1)
            try bench.offer(1)
        }
        #expect(bench.steering.idleCount(service: Bench.service) == 3)
        for client in 1...3 {
            let syn = Client.syn(from: "10.2.0.\(client)")
            try bench.steer(syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        try bench.answered(Client.syn(from: "10.2.0.4"), "steer_answer_reset")
    }

    @Test("a binding that points to another client's slot does not open it")
    func misdirected() throws {
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        var key = onvm_binding_key()
        key.service = Bench.service
        key.client = onvm_address(try #require(IPAddress("10.0.0.66")))
        var binding = onvm_binding()
        binding.slot = 0
        binding.generation = try bench.steering.state(of: 0).generation
        try bench.steering.maps.bindings.update(key, binding)
        let intruder = Client.syn(from: "10.0.0.66")
        try bench.steer(intruder.ack(), .pass, "steer_pass_dead_slot")
        try bench.steer(intruder, .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.binding(of: 1)?.client == IPAddress("10.0.0.66"))
    }

    @Test("a slot without a device leaves its traffic to the stack")
    func noDevice() throws {
        try bench.define()
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.maps.hosts.remove(0)
        try bench.steer(Client.syn.ack(), .pass, "steer_pass_no_device")
    }

    @Test("a wildcard endpoint takes any address of this host, in frames for the port's own MAC address, and no transit")
    func wildcard() throws {
        try bench.define(wildcard: true)
        try bench.offer(0)
        let (first, second) = (try #require(IPAddress("10.0.0.1")), try #require(IPAddress("10.0.0.99")))
        try bench.steering.setAddresses([first])
        try bench.steer(Client.syn, .pass, "steer_pass_other_host")
        try bench.steering.maps.ports.update(Bench.device, onvm_mac(Bench.portMAC))
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let toSecond = Client.syn.with { $0.destination = [10, 0, 0, 99] }
        try bench.steer(toSecond, .pass, "steer_pass_other_host")
        try bench.steering.setAddresses([first, second])
        try bench.steer(toSecond, .redirect, "steer_redirect_bound")
        try bench.steering.setAddresses([first])
        try bench.steer(toSecond, .pass, "steer_pass_other_host")
        let other = Client.syn.with { $0.destinationMAC = [2, 0, 0, 0, 0, 0x99] }
        try bench.steer(other, .pass, "steer_pass_other_host")
    }

    @Test("a pinned verdict precedes everything")
    func flows() throws {
        try bench.define()
        try bench.offer(0, 1)
        let flow = FlowKey(
            source: try #require(IPAddress("10.0.0.2")), sourcePort: 40_000,
            destination: try #require(IPAddress("10.0.0.1")), destinationPort: 80)
        try bench.steering.setFlow(flow, .drop)
        try bench.steer(Client.syn, .drop, "steer_drop_flow")
        try bench.steering.setFlow(flow, .pass)
        try bench.steer(Client.syn, .pass, "steer_pass_flow")
        try bench.steering.setFlow(flow, .slot(1))
        try bench.steer(Client.syn, .pass, "steer_pass_dead_slot")
        try bench.steer(Client.syn.with { $0.sourcePort = 1 }, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.setFlow(flow, .slot(0))
        try bench.steer(Client.syn, .redirect, "steer_redirect_flow")
        #expect(try bench.steering.removeFlow(flow))
        #expect(try !bench.steering.removeFlow(flow))
        try bench.steer(Client.syn, .redirect, "steer_redirect_bound")
        #expect(bench.steering.maps.settings.value(for: 0)?.flow_count == 0)
    }

    @Test("a removed service and a removed endpoint go back to the stack")
    func removal() throws {
        try bench.define()
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.define(
            ServiceDefinition(
                id: Bench.service, isolation: .client, overflow: .refuse,
                endpoints: [.init(address: IPAddress("10.0.0.1"), port: 81)]))
        try bench.steer(Client.syn, .pass, "steer_pass_no_service")
        try bench.steer(Client.syn.with { $0.destinationPort = 81 }, .redirect, "steer_redirect_bound")
        try bench.steering.remove(service: Bench.service)
        try bench.steer(Client.syn.with { $0.destinationPort = 81 }, .pass, "steer_pass_no_service")
    }
}
