import BPF
import CBPFTypes
import TestSupport
import Testing

@testable import Manager

/// No site takes all NFs, and nothing new takes away what somebody has.
@Suite("steer: limits by source", .serialized)
struct SourceLimitTests {
    let bench: Bench

    init() throws { bench = try Bench() }

    private var served: UInt64 {
        (0..<Int(ONVM_SOURCE_BUCKETS)).reduce(0) { $0 &+ bench.steering.maps.served[$1] }
    }

    private func assign(_ frame: PacketBuilder) throws {
        try bench.steer(frame, .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    private func syn6(_ address: String) -> PacketBuilder {
        Client.syn6.with { $0.source = PacketBuilder.address(address) }
    }

    @Test("clients of one /24 have so many slots, and others the rest")
    func prefix() throws {
        try bench.define(prefixLimit: 2)
        try bench.offer(0, 1, 2, 3)
        try assign(Client.syn(from: "10.0.0.2"))
        try assign(Client.syn(from: "10.0.0.3"))
        try bench.answered(Client.syn(from: "10.0.0.200"), "steer_answer_reset")
        // Those that have one keep it.
        try bench.steer(Client.syn(from: "10.0.0.2").ack(), .redirect, "steer_redirect_bound")
        try assign(Client.syn(from: "10.0.1.2"))
        let counters = Dictionary(
            uniqueKeysWithValues: try bench.steering.serviceCounters(Bench.service).map { ($0.name, $0.value) })
        #expect(counters["prefix_limit_refused"] == 1)
        // Who leaves makes room for another, once.
        try bench.steering.unbind(slot: 0)
        try bench.steering.unbind(slot: 0)
        #expect(served == 2)
        try assign(Client.syn(from: "10.0.0.200"))
        try bench.answered(Client.syn(from: "10.0.0.201"), "steer_answer_reset")
        #expect(served == 3)
    }

    @Test("the /64s of one /48 are one site")
    func prefix6() throws {
        try bench.define(prefix: 64, prefixLimit: 2)
        try bench.offer(0, 1, 2, 3)
        try assign(syn6("2001:db8:1:1::1"))
        try assign(syn6("2001:db8:1:2::1"))
        try bench.answered(syn6("2001:db8:1:ff00::1"), "steer_answer_reset")
        try assign(syn6("2001:db8:2:1::1"))
    }

    @Test("isolation connection: one address has so many slots")
    func address() throws {
        try bench.define(.connection, prefixLimit: 3, addressLimit: 2)
        try bench.offer(0, 1, 2, 3)
        for port: UInt16 in [1, 2] { try assign(Client.syn.with { $0.sourcePort = port }) }
        try bench.answered(Client.syn.with { $0.sourcePort = 3 }, "steer_answer_reset")
        try assign(Client.syn(from: "10.0.0.3"))
        try bench.answered(Client.syn(from: "10.0.0.4"), "steer_answer_reset")
        for slot: UInt32 in 0..<4 { try bench.steering.unbind(slot: slot) }
        #expect(served == 0)
    }

    @Test("a newcomer that finds no idle slot is counted nowhere")
    func refused() throws {
        try bench.define(prefixLimit: 8)
        try bench.answered(Client.syn, "steer_answer_reset")
        #expect(served == 0)
        try bench.offer(0)
        try assign(Client.syn)
        #expect(served == 1)
    }

    @Test("overflow share: as many guests as allowed, and none of them, nor the host, makes room for another")
    func guests() throws {
        try bench.define(overflow: .share, guestLimit: 3)
        try bench.offer(0)
        try assign(Client.syn)
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        let guests = (1...3).map { Client.syn(from: "10.1.0.\($0)") }
        for guest in guests { try bench.steer(guest, .redirect, "steer_redirect_assigned", "steer_assigned_shared") }
        for number in 0..<2_000 {
            let flood = Client.syn(from: "10.2.\(number / 250).\(1 + number % 250)")
            try bench.answered(flood, "steer_answer_reset")
        }
        for guest in guests + [Client.syn] { try bench.steer(guest.ack(), .redirect, "steer_redirect_bound") }
        #expect(bench.steering.maps.slots[0].guests == 3)
        #expect(served == 4)
    }

    @Test("a guest that was not seen for long makes room; one that was stays")
    func guestsLeave() throws {
        try bench.define(overflow: .share, prefixLimit: 3, guestLimit: 2)
        try bench.offer(0)
        try assign(Client.syn)
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        for number in 1...2 {
            let guest = Client.syn(from: "10.1.0.\(number)")
            try bench.steer(guest, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        }
        let late = Client.syn(from: "10.1.0.3")
        try bench.answered(late, "steer_answer_reset")
        let now = MonotonicTime.now.nanoseconds
        try bench.steering.removeGuests(of: Bench.service, unseenFor: 60_000_000_000, at: now)
        try bench.answered(late, "steer_answer_reset")
        try bench.steering.removeGuests(of: Bench.service + 1, unseenFor: 0, at: now + 60_000_000_000)
        try bench.answered(late, "steer_answer_reset")
        try bench.steering.removeGuests(of: Bench.service, unseenFor: 1_000_000_000, at: now + 60_000_000_000)
        #expect(bench.steering.maps.slots[0].guests == 0)
        #expect(served == 1)
        try bench.steer(Client.syn.ack(), .redirect, "steer_redirect_bound")
        try bench.steer(late, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        // With the slot its guests go.
        try bench.steering.unbind(slot: 0)
        #expect(served == 0)
        #expect(bench.steering.maps.bindings.keys.isEmpty)
    }

    @Test("a table of bindings that is full refuses newcomers and keeps what it has")
    func fullTable() throws {
        let bench = try Bench(limits: SteeringLimits(slots: 16, bindings: 4, flows: 1))
        try bench.define()
        try bench.offer(0, 1, 2, 3, 4, 5)
        for number in 1...4 {
            try bench.steer(Client.syn(from: "10.1.0.\(number)"), .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        for number in 5...50 { try bench.steer(Client.syn(from: "10.1.0.\(number)"), .drop, "steer_drop_binding") }
        for number in 1...4 {
            try bench.steer(Client.syn(from: "10.1.0.\(number)").ack(), .redirect, "steer_redirect_bound")
        }
        #expect(bench.steering.idleCount(service: Bench.service) == 2)
    }
}
