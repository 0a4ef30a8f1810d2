import BPF
import CBPFTypes
import Dispatch
import Testing
import TestSupport

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

    /// Runs `frames(thread)` on as many CPUs at once; the number of redirects of each.
    private func run(threads: Int, _ frames: @Sendable (Int) -> [[UInt8]]) -> [Int] {
        nonisolated(unsafe) let steering = bench.steering
        nonisolated(unsafe) var redirects = [Int](repeating: 0, count: threads)
        unsafe redirects.withUnsafeMutableBufferPointer { counts in
            nonisolated(unsafe) let counts = unsafe counts
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                for frame in frames(thread) {
                    let verdict = try? unsafe steering.maps.steer.testRun(frame).verdict
                    if verdict == Bench.Verdict.redirect.rawValue { unsafe counts[thread] += 1 }
                }
            }
        }
        return unsafe redirects
    }

    @Test("SYNs of one client on several CPUs take one slot; the losers give theirs back")
    func oneClient() throws {
        let rounds = 400
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let before = try bench.snapshot()
        for round in 0..<rounds {
            let syn = Client.syn(from: "10.1.\(round / 250).\(round % 250 + 1)").bytes
            let redirects = run(threads: 4) { _ in [syn] }
            #expect(redirects == [1, 1, 1, 1])
            let bound = (0..<Self.slots).filter { bench.steering.binding(of: $0) != nil }
            #expect(bound.count == 1)
            #expect(bench.steering.idleCount(service: Bench.service) == Int(Self.slots) - 1)
            for slot in bound {
                try bench.steering.unbind(slot: slot)
                try bench.steering.retire(slot: slot)
                try bench.offer(slot)
            }
        }
        let after = try bench.snapshot()
        #expect(after["steer_assigned", default: 0] - before["steer_assigned", default: 0] == UInt64(rounds))
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        // Every slot is still in the queue exactly once.
        for client in 1...Self.slots { try bench.steer(Client.syn(from: "10.2.0.\(client)"), .redirect, "steer_redirect_assigned", "steer_assigned") }
        try bench.steer(Client.syn(from: "10.2.0.99"), .pass, "steer_pass_refused")
    }

    @Test("more clients than slots: each slot has one, the rest is refused")
    func exhaustion() throws {
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let before = try bench.snapshot()
        let redirects = run(threads: 4) { thread in
            (1...50).map { Client.syn(from: "10.3.\(thread).\($0)").bytes }
        }
        #expect(redirects.reduce(0, +) == Int(Self.slots))
        let clients = (0..<Self.slots).compactMap { bench.steering.binding(of: $0)?.client }
        #expect(Set(clients).count == Int(Self.slots))
        let after = try bench.snapshot()
        #expect(after["steer_pass_refused", default: 0] - before["steer_pass_refused", default: 0] == 200 - UInt64(Self.slots))
    }

    @Test("half-open counts stay right")
    func halfOpen() throws {
        try bench.define(halfOpenLimit: 5)
        for slot in 0..<Self.slots { try bench.offer(slot) }
        let redirects = run(threads: 4) { thread in (1...20).map { Client.syn(from: "10.4.0.\(thread * 20 + $0)").bytes } }
        #expect(redirects.reduce(0, +) == 5)
        for slot in 0..<Self.slots { try bench.steering.unbind(slot: slot) }
        let waiting = (0..<Int(ONVM_HALF_OPEN_BUCKETS)).reduce(0) { $0 &+ bench.steering.maps.halfOpen[$1] }
        #expect(waiting == 0)
    }
}
