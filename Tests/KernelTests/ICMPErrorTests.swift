import TestSupport
import Testing

@testable import Manager

/// ICMP errors reach the NF whose packet they quote, so that path MTU discovery works (RFC 1191, RFC 8201).
@Suite("steer: ICMP errors", .serialized)
struct ICMPErrorTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    static let segment = Client.syn.answer(.ack)
    static let segment6 = Client.syn6.answer(.ack)
    static func fragmentationNeeded(_ packet: PacketBuilder = segment) -> PacketBuilder {
        packet.icmpError(from: "192.0.2.1", type: 3, code: 4)
    }
    static func packetTooBig(_ packet: PacketBuilder = segment6) -> PacketBuilder {
        packet.icmpError(from: "2001:db8::1", type: 2, code: 0, quotes: 200)
    }

    @Test(
        "go to the NF",
        arguments: [
            fragmentationNeeded(), segment.icmpError(from: "192.0.2.1", type: 3, code: 1, quotes: 28),
            segment.icmpError(from: "192.0.2.1", type: 11, code: 0),
            segment.icmpError(from: "10.0.0.2", type: 12, code: 0),
            fragmentationNeeded(segment.with { $0.ipv4Options = [1, 1, 1, 0] }).with { $0.vlans = [9] },
            packetTooBig(), segment6.icmpError(from: "2001:db8::1", type: 1, code: 0),
            segment6.icmpError(from: "2001:db8::1", type: 3, code: 0),
        ])
    func matched(frame: PacketBuilder) throws {
        try bench.steer(frame, .redirect, "steer_redirect_icmp")
    }

    @Test(
        "about anything else go to the stack",
        arguments: [
            // To a client that is not bound.
            fragmentationNeeded(segment.with { $0.destination = [10, 0, 0, 66] }),
            // From a port that is no service.
            fragmentationNeeded(segment.with { $0.sourcePort = 22 }),
            // Quoting a packet that its receiver did not send.
            fragmentationNeeded().with { $0.destination = [10, 0, 0, 5] },
            fragmentationNeeded(segment.with { $0.source = [10, 0, 0, 9] }).with { $0.destination = [10, 0, 0, 1] },
            packetTooBig().with { $0.destination = PacketBuilder.address("fd00::5") },
            // Quoting a later fragment, another protocol.
            fragmentationNeeded(segment.with { $0.fragment = (10, false) }),
            fragmentationNeeded(segment.with { $0.transport = .icmp(type: 0) }),
            packetTooBig(segment6.with { $0.transport = .icmp(type: 129) }),
        ])
    func unmatched(frame: PacketBuilder) throws {
        try bench.steer(frame, .pass, "steer_pass_icmp_unmatched")
    }

    @Test("that quote too little are malformed", arguments: [0, 10, 20, 23])
    func short(quotes: Int) throws {
        let frame = Self.segment.icmpError(from: "192.0.2.1", type: 3, code: 4, quotes: quotes)
        try bench.steer(frame, .pass, "steer_pass_malformed")
    }

    @Test("never assign a slot, and reach the sole slot of a service without isolation")
    func sole() throws {
        try bench.steering.unbind(slot: 0)
        try bench.steer(Self.fragmentationNeeded(), .pass, "steer_pass_icmp_unmatched")
        try bench.define(.none)
        try bench.steer(Self.fragmentationNeeded(), .pass, "steer_pass_no_device")
        try bench.offer(5)
        try bench.steer(Self.fragmentationNeeded(), .redirect, "steer_redirect_icmp")
    }
}
