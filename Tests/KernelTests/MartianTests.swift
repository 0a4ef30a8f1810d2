import BPF
import TestSupport
import Testing

@testable import Manager

/// Source addresses that nobody can have. Beside each stands what the kernel's own input does with such a frame.
@Suite("steer: martians", .serialized)
struct MartianTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define()
        try bench.offer(0, 1)
        try bench.steering.setAddresses([try #require(IPAddress("10.0.0.1")), try #require(IPAddress("fd00::1"))])
    }

    /// What an input path does with a SYN from there.
    enum Fate { case served, dropped }

    static let sources: [(address: String, here: Fate, kernel: Fate, why: String)] = [
        ("10.0.0.2", .served, .served, "a neighbour"),
        ("192.0.2.1", .served, .served, "a host behind a router"),
        ("223.255.255.254", .served, .served, "the last unicast network"),
        ("126.255.255.254", .served, .served, "below the loopback network"),
        ("128.0.0.1", .served, .served, "above it"),
        ("0.0.0.0", .dropped, .dropped, "unspecified: ip_route_input_slow, ipv4_is_zeronet"),
        ("0.1.2.3", .dropped, .dropped, "this network: the same"),
        ("127.0.0.1", .dropped, .dropped, "loopback: ip_route_input_slow, ipv4_is_loopback"),
        ("127.255.0.9", .dropped, .dropped, "the same"),
        ("224.0.0.1", .dropped, .dropped, "multicast: ip_route_input_slow, ipv4_is_multicast"),
        ("239.1.2.3", .dropped, .dropped, "the same"),
        ("240.0.0.1", .dropped, .served, "class E, which Linux takes since 2008 and no network carries (RFC 1112 §4)"),
        ("255.255.255.255", .dropped, .dropped, "broadcast: ip_route_input_slow, ipv4_is_lbcast"),
        ("10.0.0.1", .dropped, .dropped, "our own: fib_validate_source, RTN_LOCAL"),
        ("fd00::2", .served, .served, "a neighbour"),
        ("2001:db8::1", .served, .served, "a host behind a router"),
        ("fe80::1", .served, .served, "link-local"),
        ("::2", .served, .served, "the deprecated IPv4-compatible form (RFC 4291 §2.5.5.1)"),
        ("::", .dropped, .dropped, "unspecified: ipv6_rcv to tcp_v6_conn_request, ipv6_unicast_destination"),
        ("::1", .dropped, .dropped, "loopback: ip6_rcv_core"),
        ("ff02::1", .dropped, .dropped, "multicast: ip6_rcv_core"),
        ("::ffff:10.0.0.2", .dropped, .dropped, "IPv4-mapped: tcp_v6_conn_request. Here it would pass for 10.0.0.2"),
        ("fd00::1", .dropped, .dropped, "our own: ip6_rt_lookup, RTF_LOCAL"),
    ]

    @Test("a source is served or dropped", arguments: sources)
    func source(address: String, here: Fate, kernel: Fate, why: String) throws {
        let isIPv6 = address.contains(":")
        let frame = (isIPv6 ? Client.syn6 : Client.syn).with { $0.source = PacketBuilder.address(address) }
        if here == .served {
            try bench.steer(frame, .redirect, "steer_redirect_assigned", "steer_assigned")
        } else {
            try bench.steer(frame, .drop, "steer_drop_martian")
        }
        #expect(here == .dropped || kernel == .served, "what the kernel drops is dropped here, too")
    }

    @Test("a group MAC address is nobody's (IEEE 802.3 §3.2.3)")
    func groupMAC() throws {
        try bench.steer(Client.syn.with { $0.sourceMAC = [1, 0, 0x5E, 0, 0, 1] }, .drop, "steer_drop_martian")
        try bench.steer(Client.syn6.with { $0.sourceMAC = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] }, .drop, "steer_drop_martian")
    }

    @Test("what is not for us is the kernel's to judge")
    func others() throws {
        let frame = Client.syn(from: "127.0.0.1").with { $0.destinationPort = 22 }
        try bench.steer(frame, .pass, "steer_pass_no_service")
    }

    @Test("an IPv4-mapped source does not reach the IPv4 client's NF")
    func mapped() throws {
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let intruder = PacketBuilder(from: "::ffff:10.0.0.2", to: "fd00::1").with { $0.sourcePort = 40_000 }
        try bench.steer(intruder, .drop, "steer_drop_martian")
        try bench.steer(intruder.ack(), .drop, "steer_drop_martian")
        // Nor is the IPv4 endpoint in that form anybody's destination.
        let toMapped = PacketBuilder(from: "fd00::2", to: "::ffff:10.0.0.1")
        try bench.steer(toMapped, .drop, "steer_drop_martian")
    }
}
