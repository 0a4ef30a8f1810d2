import BPF
import CBPFTypes
import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import Manager

/// Several CPUs assign at once. Whatever the interleaving, a client gets one slot and a slot one client.
@Suite("steer: races", .serialized)
struct AssignmentRaceTests {
    static let slots: UInt32 = 16
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define()
    }

    /// Half-open slots in all buckets.
    private var waiting: UInt64 {
        (0..<Int(ONVM_SOURCE_BUCKETS)).reduce(0) { $0 &+ bench.steering.maps.halfOpen[$1] }
    }

    /// Runs the frames of each thread on several CPUs, the n-th of all threads at the same moment.
    /// - Returns: how many were redirected, by thread.
    private func run(threads: Int, _ frames: [[[UInt8]]]) -> [Int] {
        nonisolated(unsafe) let steering = bench.steering
        nonisolated(unsafe) var redirects = [Int](repeating: 0, count: threads)
        let arrived = Atomic<Int>(0)
        unsafe redirects.withUnsafeMutableBufferPointer { counts in
            nonisolated(unsafe) let counts = unsafe counts
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                for (index, frame) in frames[thread].enumerated() {
                    arrived.add(1, ordering: .relaxed)
                    // Where there are fewer CPUs than threads, waiting for ever would be waiting for oneself.
                    var patience = 20_000
                    while arrived.load(ordering: .relaxed) < threads * (index + 1) && patience > 0 { patience -= 1 }
                    let verdict = try? unsafe steering.maps.steer.testRun(frame).verdict
                    if verdict == Bench.Verdict.redirect.rawValue { unsafe counts[thread] += 1 }
                }
            }
        }
        return unsafe redirects
    }

    @Test("SYNs of one client on two CPUs take one slot; the loser gives its slot back")
    func oneClient() throws {
        let clients = Int(Self.slots) - 2
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let before = try bench.snapshot()
        var rounds = 0
        var lost: UInt64 = 0
        // The race is a matter of nanoseconds: go on until it happened often enough.
        while rounds < 20 || (lost < 20 && rounds < 2000) {
            let syns = (0..<clients).map { Client.syn(from: "10.1.\(rounds % 256).\($0 + 1)").bytes }
            #expect(run(threads: 2, [syns, syns]) == [clients, clients])
            let bound = (0..<Self.slots).filter { bench.steering.binding(of: $0) != nil }
            #expect(Set(bound.compactMap { bench.steering.binding(of: $0)?.client }).count == clients)
            #expect(bench.steering.idleCount(service: Bench.service) == Int(Self.slots) - clients)
            for slot in bound {
                try bench.steering.unbind(slot: slot)
                try bench.steering.retire(slot: slot)
                try bench.offer(slot)
            }
            rounds += 1
            _ = bench.events()
            lost = try bench.snapshot()["steer_race_lost", default: 0]
        }
        #expect(lost > 0, "the CPUs never met in \(rounds) rounds")
        let after = try bench.snapshot()
        #expect(after["steer_assigned", default: 0] - before["steer_assigned", default: 0] == UInt64(rounds * clients))
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        #expect(waiting == 0, "who loses the race is not half-open, either")
        // Every slot is still in the queue exactly once.
        for client in 1...Self.slots {
            try bench.steer(
                Client.syn(from: "10.2.0.\(client)"), .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        try bench.answered(Client.syn(from: "10.2.0.99"), "steer_answer_reset")
    }

    @Test("more clients than slots: each slot has one, the rest is refused")
    func exhaustion() throws {
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let before = try bench.snapshot()
        let redirects = run(
            threads: 4, (0..<4).map { thread in (1...50).map { Client.syn(from: "10.3.\(thread).\($0)").bytes } })
        #expect(redirects.reduce(0, +) == Int(Self.slots))
        let clients = (0..<Self.slots).compactMap { bench.steering.binding(of: $0)?.client }
        #expect(Set(clients).count == Int(Self.slots))
        let after = try bench.snapshot()
        #expect(
            after["steer_answer_reset", default: 0] - before["steer_answer_reset", default: 0] == 200
                - UInt64(Self.slots))
    }

    @Test("half-open counts stay right")
    func halfOpen() throws {
        try bench.define(halfOpenLimit: 5)
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let redirects = run(
            threads: 4, (0..<4).map { thread in (1...20).map { Client.syn(from: "10.4.0.\(thread * 20 + $0)").bytes } })
        #expect(redirects.reduce(0, +) == 5)
        for slot in 0..<Self.slots { try bench.steering.unbind(slot: slot) }
        #expect(waiting == 0)
    }
}
