import BPF
import CBPFTypes
import TestSupport
import Testing

@testable import Manager

/// Spoofed SYNs must not eat the pool: slots whose client did not prove its address are limited for each prefix.
@Suite("half-open slots", .serialized)
struct HandshakeTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define(halfOpenLimit: 2)
        try bench.offer(0, 1, 2, 3)
    }

    private func assign(_ address: String) throws {
        try bench.steer(Client.syn(from: address), .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    @Test("a prefix may have so many; others are not affected")
    func limit() throws {
        try assign("10.0.0.2")
        try assign("10.0.0.3")
        try bench.answered(Client.syn(from: "10.0.0.4"), "steer_answer_reset")
        try bench.steer(Client.syn(from: "10.0.0.2"), .redirect, "steer_redirect_bound")
        try assign("10.0.1.4")
        let counters = Dictionary(
            uniqueKeysWithValues: try bench.steering.serviceCounters(Bench.service).map { ($0.name, $0.value) })
        #expect(counters["half_open_refused"] == 1)
        #expect(counters["assigned"] == 3)
    }

    @Test("an ACK of the NF's SYN confirms; nothing else does")
    func confirmation() throws {
        try assign("10.0.0.2")
        try assign("10.0.0.3")
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound")
        try bench.egress(Client.syn.answer(.ack), from: 0, .redirect, "egress_sent")
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound")
        try bench.egress(Client.syn.answer(sequence: 5000), from: 0, .redirect, "egress_sent")
        try bench.steer(Client.syn.ack(5000), .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn.ack(5002), .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn, .redirect, "steer_redirect_bound")
        #expect(bench.steering.binding(of: 0)?.isConfirmed == false)
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound", "steer_confirmed")
        #expect(bench.steering.binding(of: 0)?.isConfirmed == true)
        #expect(bench.events().contains(.confirmed(slot: 0, service: Bench.service)))
        // Once only, and the prefix has room for one more.
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound")
        try assign("10.0.0.4")
        try bench.answered(Client.syn(from: "10.0.0.5"), "steer_answer_reset")
    }

    @Test("of several connections opened at once any one confirms, also when the others come to nothing")
    func anyConnection() throws {
        try assign("10.0.0.2")
        let second = Client.syn.with { $0.sourcePort = 40_001 }
        try bench.steer(second, .redirect, "steer_redirect_bound")
        try bench.egress(Client.syn.answer(sequence: 5000), from: 0, .redirect, "egress_sent")
        try bench.egress(second.answer(sequence: 9000), from: 0, .redirect, "egress_sent")
        try bench.steer(second.ack(5001), .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound", "steer_confirmed")
    }

    @Test("a RST is no sign of life: an NF cannot keep its slot by asking a client that left")
    func reset() throws {
        try assign("10.0.0.2")
        func seen() throws -> UInt64 { try #require(bench.steering.binding(of: 0)).lastSeen }
        // As if the client had not been seen for long.
        bench.steering.maps.slots[0].last_seen = 1
        for flags: PacketBuilder.TCPFlags in [.rst, [.rst, .ack]] {
            try bench.steer(Client.syn.flags(flags), .redirect, "steer_redirect_bound")
        }
        #expect(try seen() == 1)
        try bench.steer(Client.syn.ack(), .redirect, "steer_redirect_bound")
        #expect(try seen() > 1)
    }

    @Test("the last of several SYN-ACKs of a connection counts")
    func parallelConnections() throws {
        try assign("10.0.0.2")
        try bench.egress(Client.syn.answer(sequence: 5000), from: 0, .redirect, "egress_sent")
        try bench.egress(Client.syn.answer(sequence: .max), from: 0, .redirect, "egress_sent")
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound")
        try bench.steer(Client.syn.ack(0), .redirect, "steer_redirect_bound", "steer_confirmed")
    }

    @Test("a datagram after the NF's answer confirms a UDP client")
    func datagrams() throws {
        try bench.steer(Client.datagram, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.datagram, .redirect, "steer_redirect_bound")
        try bench.egress(Client.datagram.reversed(.udp), from: 0, .redirect, "egress_sent")
        try bench.steer(Client.datagram, .redirect, "steer_redirect_bound", "steer_confirmed")
    }

    @Test("releasing a slot gives its place back, once, confirmed or not")
    func release() throws {
        try assign("10.0.0.2")
        try assign("10.0.0.3")
        try bench.egress(Client.syn.answer(), from: 0, .redirect, "egress_sent")
        try bench.steer(Client.syn.ack(5001), .redirect, "steer_redirect_bound", "steer_confirmed")
        for slot: UInt32 in [0, 1] {
            try bench.steering.unbind(slot: slot)
            try bench.steering.unbind(slot: slot)
        }
        let waiting = (0..<Int(ONVM_SOURCE_BUCKETS)).reduce(0) { $0 &+ bench.steering.maps.halfOpen[$1] }
        #expect(waiting == 0)
        try assign("10.0.0.4")
        try assign("10.0.0.5")
        try bench.answered(Client.syn(from: "10.0.0.6"), "steer_answer_reset")
    }
}
