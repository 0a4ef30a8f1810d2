import BPF
import CBPFTypes
import TCPStack
import TestSupport
import Testing

@testable import Manager

/// What `deliver` puts in front of a frame for the NF's stack.
@Suite("facts of the SYN gate", .serialized)
struct GateFactsTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define(gate: GateTests.gate)
        try bench.offer(0)
        try bench.steering.maps.slotDevices.update(Bench.device, 0)
    }

    /// The metadata before the frame, or nil when there is none.
    private func facts(_ frame: PacketBuilder) throws -> onvm_gate_facts? {
        let output = try bench.steering.maps.deliver.testRun(frame.bytes).frame
        let size = MemoryLayout<onvm_gate_facts>.size
        guard output.count == frame.bytes.count + size else {
            #expect(output == frame.bytes)
            return nil
        }
        #expect(Array(output.dropFirst(size)) == frame.bytes)
        return unsafe output.withUnsafeBytes { unsafe $0.loadUnaligned(as: onvm_gate_facts.self) }
    }

    @Test("beside the ACK of the connection that took the NF, and of others of the same client")
    func both() throws {
        for (index, base) in [GateTests.syn, GateTests.syn6.with { $0.vlans = [5] }].enumerated() {
            if index == 1 { try bench.steering.unbind(slot: 0) }
            if index == 1 { try bench.offer(0) }
            // Both SYNs come before either ACK.
            let second = base.with {
                $0.sourcePort = 40_001
                $0.tcpOptions = [2, 4, 3, 0]
            }
            let acks = try [base, second].map {
                try GateTests.ack($0, try bench.answered($0, "steer_answer_cookie"))
            }
            try bench.steer(acks[0], .redirect, "steer_redirect_assigned", "steer_assigned")
            try bench.steer(acks[1], .redirect, "steer_redirect_bound")
            let found = try acks.map { try facts($0) }
            for (ack, facts) in zip(acks, found) {
                guard case .tcp(_, let sequence, let acknowledgment) = ack.transport else { return }
                #expect(facts?.magic == ONVM_GATE_FACTS_MAGIC)
                #expect(facts?.sequence == sequence && facts?.acknowledgment == acknowledgment && facts?.shift == 4)
            }
            #expect(found[0]?.segment_size == 1_460 && found[1]?.segment_size == 536)
            #expect(found[0]?.timestamp_offset != found[1]?.timestamp_offset)
        }
    }

    @Test("the clock in the facts is the one the SYN,ACK used")
    func clock() throws {
        let answer = try bench.answered(GateTests.syn, "steer_answer_cookie")
        let ack = try GateTests.ack(GateTests.syn, answer)
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned")
        let facts = try #require(try facts(ack))
        let times = try #require(SegmentTemplate(answer)?.optionList.first { $0.kind == 8 }?.content)
        let sent = SegmentTemplate.number(times.prefix(4))
        let now = UInt32(truncatingIfNeeded: MonotonicTime.now.nanoseconds / 1_000_000) &+ facts.timestamp_offset
        let age = Int32(bitPattern: now &- sent)
        #expect(age >= 0 && age < 10_000, "never ahead of the clock, and of this very minute")
    }

    @Test("nothing beside any other frame, and nothing once the slot has settled")
    func none() throws {
        let ack = try GateTests.ack(GateTests.syn, try bench.answered(GateTests.syn, "steer_answer_cookie"))
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned")
        guard case .tcp(_, let sequence, let acknowledgment) = ack.transport else { return }
        let others = [
            GateTests.syn, Client.datagram,
            ack.with { $0.transport = .tcp(flags: [.ack, .rst], sequence: sequence, acknowledgment: acknowledgment) },
            ack.with { $0.transport = .tcp(flags: .ack, sequence: sequence &+ 9, acknowledgment: acknowledgment) },
            ack.with { $0.rawPayload = (0x0806, [UInt8](repeating: 0, count: 46)) },
        ]
        for frame in others { #expect(try facts(frame) == nil) }
        #expect(try facts(ack) != nil)
        var slot = bench.steering.maps.slots[0]
        #expect(slot.gate_until > MonotonicTime.now.nanoseconds)
        slot.gate_until = 1
        bench.steering.maps.slots[0] = slot
        #expect(try facts(ack) == nil)
        #expect(bench.steering.maps.slots[0].gate_until == 0, "later frames are not looked at")
    }

    @Test("a slot that was taken by a SYN gets none, unless cookies were about")
    func plain() throws {
        try bench.offer(1, 2)
        try bench.steer(GateTests.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.maps.slots[0].gate_until == 0)
        var state = bench.steering.maps.gateState[Int(Bench.service)]
        state.cookie_at = MonotonicTime.now.nanoseconds
        bench.steering.maps.gateState[Int(Bench.service)] = state
        try bench.steer(Client.syn(from: "10.0.0.3"), .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.maps.slots[1].gate_until > 0)
    }
}
