import BPF
import TestSupport
import Testing

@testable import Manager

/// What a frame costs in each program, as BPF_PROG_TEST_RUN measures it. It prints, and judges nothing.
@Suite("cost", .serialized)
struct CostTests {
    private func measure(_ what: String, _ program: borrowing Program, _ frame: PacketBuilder) throws {
        _ = try program.testRun(frame.bytes, repetitions: 1000)
        let best = try (0..<5).map { _ in try program.testRun(frame.bytes, repetitions: 100_000).nanoseconds }.min()
        let nanoseconds = try #require(best)
        print("cost: \(what): \(nanoseconds) ns")
        // A speed is for the reader: what else the machine does decides about it.
        #expect(nanoseconds > 0)
    }

    @Test("nanoseconds a frame")
    func costs() throws {
        let bench = try Bench(limits: SteeringLimits(slots: 64, bindings: 1_000_000, flows: 1024))
        let steering = bench.steering
        try bench.define()
        try bench.offer(0, 1)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
        try measure(
            "steer, ARP", steering.maps.steer,
            Client.syn.with { $0.rawPayload = (0x0806, [UInt8](repeating: 0, count: 28)) })
        try measure("steer, foreign TCP", steering.maps.steer, Client.syn.with { $0.destinationPort = 22 })
        try measure("steer, bound IPv4", steering.maps.steer, Client.syn.ack())
        try measure("steer, bound IPv6", steering.maps.steer, Client.syn6.ack())
        try measure("steer, no idle slot", steering.maps.steer, Client.syn(from: "10.0.0.9"))
        try steering.maps.slotDevices.update(Bench.device, 0)
        try measure("deliver, no socket", steering.maps.deliver, Client.syn)
        try measure("egress, allowed", steering.maps.egress, Client.syn.answer(.ack))
        try measure("egress, violation", steering.maps.egress, Client.syn.answer().with { $0.sourcePort = 1 })
        try bench.define(.none)
        try bench.admit(2)
        try steering.offer(slot: 2, service: Bench.service)
        try measure("steer, sole slot", steering.maps.steer, Client.syn.ack())
    }
}
