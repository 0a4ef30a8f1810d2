import BPF
import CBPFTypes
import TestSupport
import Testing

@testable import Manager

/// What an NF may send. A violation is dropped, counted by cause, and reported once a second.
@Suite("egress", .serialized)
struct EgressTests {
    let bench: Bench

    init() throws { bench = try Bench() }

    /// Slot 0 has the client 10.0.0.2, slot 1 the client fd00::2.
    private func bind(_ isolation: ServiceDefinition.Isolation = .client) throws {
        try bench.define(isolation)
        try bench.offer(0, 1, 2)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    static let answer = Client.syn.answer()

    @Test("the client's own traffic leaves by the port it came by")
    func allowed() throws {
        try bind()
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Client.syn6.answer(), from: 1, .redirect, "egress_sent")
        try bench.egress(Self.answer.with { $0.destinationPort = 1 }, from: 0, .redirect, "egress_sent")
        try bench.egress(Client.datagram.reversed(.udp), from: 0, .redirect, "egress_sent")
        let super65K = Self.answer.with { $0.payload = [UInt8](repeating: 7, count: 3000) }
        try bench.egress(super65K, from: 0, .redirect, "egress_sent")
        let counters = Dictionary(uniqueKeysWithValues: try bench.steering.slotCounters(0).map { ($0.name, $0.value) })
        #expect(counters["egress_sent"] == 4)
        #expect(counters["sent_bytes"] == UInt64(54 + 54 + 45 + 3054))
    }

    @Test("a run of segments is cut into sensible ones, or not at all", arguments: [1, 47, 48, 1448] as [UInt32])
    func segmentation(segmentByteCount: UInt32) throws {
        try bind()
        let run = Self.answer.with { $0.payload = [UInt8](repeating: 7, count: 3000) }
        if segmentByteCount < 48 {
            try bench.egress(run, from: 0, cutInto: segmentByteCount, .drop, "egress_drop_malformed")
        } else {
            try bench.egress(run, from: 0, cutInto: segmentByteCount, .redirect, "egress_sent")
        }
    }

    static let violations: [(String, PacketBuilder, String)] = [
        ("another client", answer.with { $0.destination = [10, 0, 0, 3] }, "egress_drop_destination"),
        (
            "everybody (directed broadcast)", answer.with { $0.destination = [10, 0, 0, 255] },
            "egress_drop_destination"
        ),
        ("a spoofed source address", answer.with { $0.source = [10, 0, 0, 9] }, "egress_drop_source"),
        ("the client's own address as source", answer.with { $0.source = [10, 0, 0, 2] }, "egress_drop_source"),
        ("another source port", answer.with { $0.sourcePort = 22 }, "egress_drop_source"),
        ("the service's port over the wrong protocol", Client.syn.reversed(.udp), "egress_drop_source"),
        ("ARP", answer.with { $0.rawPayload = (0x0806, [UInt8](repeating: 0, count: 28)) }, "egress_drop_not_ip"),
        ("a VLAN tag in the data", answer.with { $0.vlans = [5] }, "egress_drop_not_ip"),
        ("ping", Client.syn.reversed(.icmp(type: 8)), "egress_drop_protocol"),
        ("an ICMP error", Client.syn.icmpError(from: "10.0.0.1", type: 3, code: 4), "egress_drop_protocol"),
        ("GRE", Client.syn.reversed(.other(47)), "egress_drop_protocol"),
        ("IPv4 options", answer.with { $0.ipv4Options = [131, 7, 4, 10, 0, 0, 9, 0] }, "egress_drop_protocol"),
        ("a first fragment", answer.with { $0.fragment = (0, true) }, "egress_drop_fragment"),
        ("a later fragment", answer.with { $0.fragment = (10, false) }, "egress_drop_fragment"),
        (
            "IPv4 that says version 6", answer.with { $0.rawPayload = (0x0800, [0x65] + $0.packet.dropFirst()) },
            "egress_drop_malformed"
        ),
        (
            "half a TCP header", answer.with { $0.rawPayload = (0x0800, Array($0.packet.prefix(30))) },
            "egress_drop_malformed"
        ),
        (
            "more than the IP header says", answer.with { $0.rawPayload = (0x0800, $0.packet + [1, 2, 3]) },
            "egress_drop_length"
        ),
        (
            "less than the IP header says",
            answer.with { $0.rawPayload = (0x0800, [0x45, 0, 0, 99] + $0.packet.dropFirst(4)) }, "egress_drop_length"
        ),
        (
            "a TCP header longer than its packet",
            answer.with { frame in
                var packet = frame.packet
                packet[32] = 0xF0
                frame.rawPayload = (0x0800, packet)
            }, "egress_drop_length"
        ),
        (
            "the IPv4 addresses in an IPv6 header",
            PacketBuilder(from: "::ffff:10.0.0.1", to: "::ffff:10.0.0.2").with {
                ($0.sourcePort, $0.destinationPort) = (80, 40_000)
            }, "egress_drop_source"
        ),
    ]

    @Test("what the NF wrote as MAC addresses means nothing: the kernel's neighbours have the last word")
    func anyMACAddress() throws {
        try bind()
        for mac: [UInt8] in [[1, 0, 0x5E, 0, 0, 1], [255, 255, 255, 255, 255, 255]] {
            try bench.egress(Self.answer.with { $0.destinationMAC = mac }, from: 0, .drop, "egress_drop_link")
        }
        for mac: [UInt8] in [[2, 0, 0, 0, 0, 0x99], [0, 0, 0, 0, 0, 0]] {
            try bench.egress(Self.answer.with { $0.sourceMAC = mac }, from: 0, .redirect, "egress_sent")
            try bench.egress(Self.answer.with { $0.destinationMAC = mac }, from: 0, .redirect, "egress_sent")
        }
    }

    @Test("refuses", arguments: violations)
    func refused(name: String, frame: PacketBuilder, counter: String) throws {
        try bind()
        _ = bench.events()
        try bench.egress(frame, from: 0, .drop, counter)
        try bench.egress(frame, from: 0, .drop, counter)
        #expect(bench.events() == [.violation(slot: 0, cause: counter)])
        let counters = Dictionary(uniqueKeysWithValues: try bench.steering.slotCounters(0).map { ($0.name, $0.value) })
        #expect(counters[counter] == 2)
        #expect(counters["egress_sent"] == 0)
    }

    @Test("refuses IPv6 extension headers, fragments and a foreign client")
    func refusedIPv6() throws {
        try bind()
        let answer = Client.syn6.answer()
        try bench.egress(
            answer.with { $0.extensions = [(43, [0, 0, 0, 0, 0, 0])] }, from: 1, .drop, "egress_drop_protocol")
        try bench.egress(answer.with { $0.fragment = (0, true) }, from: 1, .drop, "egress_drop_protocol")
        try bench.egress(
            answer.with { $0.destination = PacketBuilder.address("fd00::3") }, from: 1, .drop, "egress_drop_destination"
        )
        try bench.egress(answer, from: 0, .drop, "egress_drop_destination")
        // The IPv4 client of slot 0 in an IPv6 header is not its client.
        let mapped = PacketBuilder(from: "fd00::1", to: "::ffff:10.0.0.2").with {
            ($0.sourcePort, $0.destinationPort) = (80, 40_000)
        }
        try bench.egress(mapped, from: 0, .drop, "egress_drop_destination")
    }

    @Test("an idle, a released and an unknown slot may send nothing")
    func unbound() throws {
        try bind()
        try bench.egress(Self.answer, from: 2, .drop, "egress_drop_not_bound")
        try bench.steering.unbind(slot: 0)
        try bench.egress(Self.answer, from: 0, .drop, "egress_drop_not_bound")
        try bench.egress(Self.answer, from: 999, .drop, "egress_drop_no_slot")
    }

    @Test("isolation connection: the 5-tuple and nothing else")
    func connection() throws {
        try bind(.connection)
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer.with { $0.destinationPort = 40_001 }, from: 0, .drop, "egress_drop_destination")
        try bench.egress(Client.datagram.reversed(.udp), from: 0, .drop, "egress_drop_destination")
    }

    @Test("isolation none: any client, but only as the service and over a port of ours")
    func sole() throws {
        try bench.define(.none)
        try bench.offer(0)
        // Nobody has come yet: there is no port to leave by.
        try bench.egress(Self.answer, from: 0, .drop, "egress_drop_no_route")
        try bench.steer(Client.syn, .redirect, "steer_redirect_sole")
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Client.syn(from: "10.0.0.77").answer(), from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer.with { $0.sourcePort = 81 }, from: 0, .drop, "egress_drop_source")
    }

    @Test("isolation none, answers by the client's path: from a MAC address of ours, to a single one")
    func solePath() throws {
        try bench.define(.none, returnsByPath: true)
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_sole")
        try bench.egress(Self.answer, from: 0, .drop, "egress_drop_link")
        try bench.steering.maps.portMACs.update(onvm_mac(Bench.portMAC), Bench.device)
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer.with { $0.sourceMAC[5] = 0x55 }, from: 0, .drop, "egress_drop_link")
        try bench.egress(Self.answer.with { $0.destinationMAC[0] = 1 }, from: 0, .drop, "egress_drop_link")
        #expect(!bench.events().contains { if case .violation = $0 { true } else { false } })
    }

    @Test("a shared slot may answer each of its clients")
    func shared() throws {
        try bench.define(overflow: .share)
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        let late = Client.syn(from: "10.0.0.50").with { $0.sourceMAC[5] = 0xD5 }
        try bench.egress(late.answer(), from: 0, .drop, "egress_drop_destination")
        try bench.steer(late, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        try bench.egress(late.answer(), from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
    }

    @Test("all hosts of one client prefix are answered, each by its own neighbour entry")
    func prefix() throws {
        try bench.define(prefix: 64)
        try bench.offer(0)
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
        for number: UInt8 in 3...6 {
            let host = Client.syn6.with {
                $0.source[15] = number
                $0.sourceMAC[5] = number
            }
            try bench.steer(host, .redirect, "steer_redirect_bound")
        }
        let host = Client.syn6.with {
            $0.source[15] = 3
            $0.sourceMAC[5] = 3
        }
        try bench.egress(host.answer(), from: 0, .redirect, "egress_sent")
        try bench.egress(Client.syn6.answer(), from: 0, .redirect, "egress_sent")
    }

    @Test("a wildcard service answers from the host's addresses, as they come and go")
    func wildcard() throws {
        try bench.define(wildcard: true)
        try bench.steering.maps.ports.update(Bench.device, onvm_mac(Bench.portMAC))
        try bench.steering.setAddresses([try #require(IPAddress("10.0.0.1"))])
        try bench.offer(0)
        let second = Client.syn.with { $0.destination = [10, 0, 0, 8] }
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.egress(second.answer(), from: 0, .drop, "egress_drop_source")
        try bench.steering.setAddresses([try #require(IPAddress("10.0.0.1")), try #require(IPAddress("10.0.0.8"))])
        try bench.steer(second, .redirect, "steer_redirect_bound")
        try bench.egress(second.answer(), from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
    }

    @Test("a flow that was pinned to the slot may be answered, too")
    func pinnedFlow() throws {
        try bind()
        let flow = FlowKey(
            source: try #require(IPAddress("10.0.0.44")), sourcePort: 40_000,
            destination: try #require(IPAddress("10.0.0.1")), destinationPort: 80)
        let frame = Client.syn(from: "10.0.0.44")
        try bench.egress(frame.answer(), from: 0, .drop, "egress_drop_destination")
        try bench.steering.setFlow(flow, .slot(0))
        try bench.egress(frame.answer(), from: 0, .redirect, "egress_sent")
        try bench.egress(frame.answer(), from: 1, .drop, "egress_drop_destination")
    }

    @Test("the token bucket lets a burst pass and then holds the rate")
    func rate() throws {
        try bench.define()
        try bench.admit(0, rate: SlotAttachment.Rate(bytesPerSecond: 1000, burstBytes: 100))
        try bench.steering.offer(slot: 0, service: Bench.service)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer, from: 0, .redirect, "egress_sent")
        try bench.egress(Self.answer, from: 0, .drop, "egress_drop_rate")
        let events = bench.events()
        #expect(!events.contains { if case .violation = $0 { true } else { false } }, "slow is no crime")
    }
}
