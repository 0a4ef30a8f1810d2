import TestSupport
import Testing

/// What `steer` leaves to the kernel's stack, by cause. A service with an idle slot exists, so only the frame decides.
@Suite("steer: frames that are not ours", .serialized)
struct SteerParsingTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define()
        try bench.offer(0, 1)
    }

    static let foreign: [(String, PacketBuilder, String)] = [
        (
            "ARP to a unicast address", Client.syn.with { $0.rawPayload = (0x0806, [UInt8](repeating: 0, count: 28)) },
            "steer_pass_not_ip"
        ),
        (
            "broadcast", Client.syn.with { $0.destinationMAC = [255, 255, 255, 255, 255, 255] },
            "steer_pass_not_unicast"
        ),
        (
            "multicast (neighbour solicitation)", Client.syn6.with { $0.destinationMAC = [0x33, 0x33, 0, 0, 0, 1] },
            "steer_pass_not_unicast"
        ),
        ("two VLAN tags", Client.syn.with { $0.vlans = [5, 6] }, "steer_pass_not_ip"),
        (
            "IPv4 first fragment for another port",
            Client.syn.with {
                $0.fragment = (0, true)
                $0.destinationPort = 22
            }, "steer_pass_first_fragment"
        ),
        ("IPv4 later fragment", Client.syn.with { $0.fragment = (185, false) }, "steer_pass_later_fragment"),
        (
            "IPv6 first fragment for another address",
            Client.syn6.with {
                $0.fragment = (0, true)
                $0.destination[15] = 9
            }, "steer_pass_first_fragment"
        ),
        ("IPv6 later fragment", Client.syn6.with { $0.fragment = (180, true) }, "steer_pass_later_fragment"),
        (
            "IPv6 with five extension headers",
            Client.syn6.with { $0.extensions = Array(repeating: (60, [UInt8](repeating: 0, count: 6)), count: 5) },
            "steer_pass_extension"
        ),
        (
            "IPv6 routing header with segments left",
            Client.syn6.with { $0.extensions = [(43, [0, 1, 0, 0, 0, 0])] }, "steer_pass_extension"
        ),
        ("IPv6 authentication header", Client.syn6.with { $0.transport = .other(51) }, "steer_pass_extension"),
        ("ping", Client.syn.with { $0.transport = .icmp(type: 8) }, "steer_pass_protocol"),
        ("IPv6 ping", Client.syn6.with { $0.transport = .icmp(type: 128) }, "steer_pass_protocol"),
        ("GRE", Client.syn.with { $0.transport = .other(47) }, "steer_pass_protocol"),
        ("another port (ssh)", Client.syn.with { $0.destinationPort = 22 }, "steer_pass_no_service"),
        ("another address", Client.syn.with { $0.destination = [10, 0, 0, 9] }, "steer_pass_no_service"),
        ("the service's port over UDP", Client.datagram.with { $0.destinationPort = 80 }, "steer_pass_no_service"),
        (
            "IPv4 header says version 6",
            Client.syn.with { $0.rawPayload = (0x0800, [0x65] + $0.packet.dropFirst()) }, "steer_pass_malformed"
        ),
        (
            "IPv4 header of 16 bytes", Client.syn.with { $0.rawPayload = (0x0800, [0x44] + $0.packet.dropFirst()) },
            "steer_pass_malformed"
        ),
        (
            "IPv4 total length below the header's",
            Client.syn.with { $0.rawPayload = (0x0800, [0x45, 0, 0, 19] + $0.packet.dropFirst(4)) },
            "steer_pass_malformed"
        ),
        (
            "TCP header of 16 bytes",
            Client.syn.with { frame in
                var packet = frame.packet
                packet[32] = 0x40
                frame.rawPayload = (0x0800, packet)
            }, "steer_pass_malformed"
        ),
    ]

    @Test("passes with the cause", arguments: foreign)
    func passes(name: String, frame: PacketBuilder, counter: String) throws {
        try bench.steer(frame, .pass, counter)
    }

    @Test("a fragment for one of ours is dropped: the kernel would put it together and reset the client's connection")
    func fragments() throws {
        for frame in [
            Client.syn.with { $0.fragment = (0, true) }, Client.syn6.with { $0.fragment = (0, true) },
            Client.syn.with {
                $0.fragment = (0, true)
                $0.ipv4Options = [1, 1, 1, 0]
            },
            Client.syn6.with {
                $0.fragment = (0, true)
                $0.extensions = [(60, [0, 0, 0, 0, 0, 0])]
            },
            // Eight bytes of TCP, the least that a fragment has: the ports are there.
            Client.syn.with { $0.rawPayload = (0x0800, Self.cut($0.packet)) },
        ] {
            try bench.steer(frame, .drop, "steer_drop_fragment")
        }
    }

    /// An IPv4 packet's first eight bytes of payload, as a first fragment.
    private static func cut(_ packet: [UInt8]) -> [UInt8] {
        var packet = Array(packet.prefix(28))
        packet.replaceSubrange(2..<4, with: [0, 28])
        packet[6] = 0x20
        return packet
    }

    @Test("a frame cut anywhere in its headers is malformed, never a crash or an assignment", arguments: [false, true])
    func truncated(isIPv6: Bool) throws {
        let frame = (isIPv6 ? Client.syn6 : Client.syn).with { $0.vlans = [3] }.bytes
        // The kernel's test run wants an Ethernet header at least.
        for length in 14..<frame.count {
            try bench.steer(bytes: Array(frame.prefix(length)), .pass, ["steer_pass_malformed"], #_sourceLocation)
        }
    }

    @Test("ours are found behind a VLAN tag, options and extension headers")
    func found() throws {
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let bound = "steer_redirect_bound"
        try bench.steer(Client.syn.with { $0.vlans = [42] }, .redirect, bound)
        try bench.steer(Client.syn.with { $0.ipv4Options = [UInt8](repeating: 1, count: 40) }, .redirect, bound)
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
        for type: UInt8 in [0, 60, 43] {
            let body: [UInt8] = [0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
            try bench.steer(Client.syn6.with { $0.extensions = [(type, body)] }, .redirect, bound)
        }
        // An atomic fragment is a whole packet (RFC 6946).
        try bench.steer(Client.syn6.with { $0.fragment = (0, false) }, .redirect, bound)
    }
}
