import BPF
import CBPFTypes
import TCPStack
import TestSupport
import Testing

@testable import Manager

/// What becomes of clients that return a cookie, and of those that find no NF.
extension GateTests {
    @Test("who returns a cookie gets an NF, confirmed", arguments: [syn, syn6, syn.with { $0.vlans = [5] }])
    func proven(syn: PacketBuilder) throws {
        try define()
        try bench.offer(0)
        let answer = try bench.answered(syn, "steer_answer_cookie")
        let ack = try Self.ack(syn, answer)
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.binding(of: 0)?.isConfirmed == true)
        #expect(try service("cookies_accepted") == 1)
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.halfOpen == 0)
        // From here on it is a client like any other.
        try bench.steer(try Self.ack(syn, answer, [1, 2, 3]), .redirect, "steer_redirect_bound")
        // A tag reaches egress beside the frame, which this test cannot do.
        guard syn.vlans.isEmpty else { return }
        let segment = ack.reversed(.tcp(flags: .ack, sequence: 1, acknowledgment: 1))
        try bench.egress(segment, from: 0, .redirect, "egress_sent")
    }

    @Test("data or FIN in the place of the ACK will do, RST and SYN will not")
    func otherSegments() throws {
        try define()
        try bench.offer(0, 1, 2)
        change { $0.on_until = .max }
        let flags: [(PacketBuilder.TCPFlags, Bool)] = [
            ([.ack, .psh], true), ([.ack, .fin], true), ([.ack, .rst], false), ([.syn, .ack], false), (.rst, false),
        ]
        for (index, (flags, isTaken)) in flags.enumerated() {
            let syn = Self.syn.with { $0.source = [10, 1, 0, UInt8(index + 1)] }
            let ack = try Self.ack(syn, try bench.answered(syn, "steer_answer_cookie"))
            guard case .tcp(_, let sequence, let acknowledgment) = ack.transport else { return }
            let segment = ack.with {
                $0.transport = .tcp(flags: flags, sequence: sequence, acknowledgment: acknowledgment)
            }
            if isTaken {
                try bench.steer(segment, .redirect, "steer_redirect_assigned", "steer_assigned")
            } else {
                try bench.steer(segment, .pass, "steer_pass_no_binding")
            }
        }
    }

    @Test("an ACK that returns no cookie, or another's, gets nothing")
    func invalid() throws {
        try define()
        try bench.offer(0)
        let answer = try bench.answered(Self.syn, "steer_answer_cookie")
        let ack = try Self.ack(Self.syn, answer)
        guard case .tcp(let flags, let sequence, let acknowledgment) = ack.transport else { return }
        let (late, wrong) = (sequence &+ 1, acknowledgment ^ 1 << 20)
        let forged = [
            ack.with { $0.transport = .tcp(flags: flags, sequence: sequence, acknowledgment: wrong) },
            ack.with { $0.transport = .tcp(flags: flags, sequence: late, acknowledgment: acknowledgment) },
            ack.with { $0.sourcePort += 1 },
            ack.with { $0.source[3] += 1 },
        ]
        for segment in forged { try bench.steer(segment, .pass, "steer_pass_no_binding") }
        #expect(try service("cookies_invalid") == 4)
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        // The cookie of another instance, with another secret.
        let other = try Bench()
        try other.define(gate: Self.gate)
        try other.offer(0)
        try other.answered(Self.syn, "steer_answer_cookie")
        try other.steer(ack, .pass, "steer_pass_no_binding")
        // Long after the last cookie nothing is computed for an ACK, and a right one is none any more.
        change { $0.cookie_at = 0 }
        try bench.steer(ack, .pass, "steer_pass_no_binding")
        #expect(try service("cookies_invalid") == 4)
    }

    @Test("the client of an NF that is gone comes back through the gate")
    func deadBinding() throws {
        try define()
        try bench.offer(0, 1, 2)
        try bench.steer(Self.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        // Its binding is still there, void.
        let key = try #require(bench.steering.maps.bindings.keys.first)
        let binding = bench.steering.maps.bindings.value(for: key)
        try bench.steering.unbind(slot: 0)
        try bench.steering.maps.bindings.update(key, try #require(binding))
        change { $0.on_until = .max }
        let ack = try Self.ack(Self.syn, try bench.answered(Self.syn, "steer_answer_cookie"))
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(ack, .redirect, "steer_redirect_bound")
    }

    // MARK: Short of NFs

    @Test(
        "below max a client waits for its NF, and nobody is refused",
        arguments: [ServiceDefinition.Overflow.refuse, .drop])
    func held(overflow: ServiceDefinition.Overflow) throws {
        try define(overflow: overflow)
        let answer = try bench.answered(Self.syn, "steer_answer_cookie")
        let ack = try Self.ack(Self.syn, answer)
        let data = try Self.ack(Self.syn, answer, [1, 2, 3])
        _ = bench.events()
        try bench.steer(ack, .drop, "steer_drop_held")
        #expect(bench.events().contains(.idleEmpty(service: Bench.service)))
        try bench.steer(data, .drop, "steer_drop_held")
        // A later part of what it sends at once returns no cookie, and must not be reset.
        guard case .tcp(let flags, let sequence, let acknowledgment) = data.transport else { return }
        let later = data.with {
            $0.transport = .tcp(flags: flags, sequence: sequence &+ 3, acknowledgment: acknowledgment)
        }
        try bench.steer(later, .drop, "steer_drop_held")
        try bench.steer(later.with { $0.source = [10, 0, 0, 99] }, .pass, "steer_pass_no_binding")
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.waiting == 1)
        #expect(try service("held") == 3)
        try bench.offer(0)
        try bench.steer(later, .drop, "steer_drop_held")
        try bench.steer(data, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(later, .redirect, "steer_redirect_bound")
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.waiting == 0)
        #expect(bench.steering.maps.waitingClients.keys.isEmpty)
    }

    @Test("clients that stopped waiting are forgotten, and the count follows")
    func forgotten() throws {
        try define()
        for client in 1...3 {
            let syn = Self.syn.with { $0.source = [10, 1, 1, UInt8(client)] }
            try bench.steer(try Self.ack(syn, try bench.answered(syn, "steer_answer_cookie")), .drop, "steer_drop_held")
        }
        let keys = bench.steering.maps.waitingClients.keys
        try bench.steering.maps.waitingClients.update(try #require(keys.first), 1)
        change { $0.waiting = 9 }
        bench.steering.forgetWaitingClients(service: Bench.service, at: .now)
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.waiting == 2)
        #expect(bench.steering.maps.waitingClients.keys.count == 2)
    }

    @Test("at max: refuse by our own reset, or drop")
    func full() throws {
        try define()
        let answer = try bench.answered(Self.syn, "steer_answer_cookie")
        bench.steering.setFull(true, service: Bench.service)
        let refusal = try #require(SegmentTemplate(try bench.answered(Self.syn, "steer_answer_reset")))
        #expect(refusal.control == 0x14 && refusal.sequence == 0 && refusal.acknowledgment == 1_001)
        #expect(refusal.source.port == 80 && refusal.options.isEmpty && refusal.window == 0)
        let ack = try Self.ack(Self.syn, answer, [1, 2, 3])
        guard case .tcp(_, _, let acknowledgment) = ack.transport else { return }
        let reset = try #require(SegmentTemplate(try bench.answered(ack, "steer_answer_reset")))
        #expect(reset.control == 0x04 && reset.sequence == acknowledgment)
        #expect(try service("refused") == 2)
        let withData = Self.syn6.with { $0.payload = [1, 2, 3] }
        #expect(SegmentTemplate(try bench.answered(withData, "steer_answer_reset"))?.acknowledgment == 1_004)

        try define(overflow: .drop)
        try bench.steer(Self.syn, .drop, "steer_drop_overflow")
        try bench.steer(ack, .drop, "steer_drop_overflow")
        bench.steering.setFull(false, service: Bench.service)
        try bench.answered(Self.syn, "steer_answer_cookie")
    }

    @Test("at max with share: only who returned a cookie joins another")
    func shared() throws {
        try define(overflow: .share)
        try bench.offer(0)
        change { $0.on_until = 0 }
        let first = try Self.ack(Self.syn, try bench.answered(Self.syn, "steer_answer_cookie"))
        try bench.steer(first, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        bench.steering.setFull(true, service: Bench.service)
        let guest = Self.syn.with { $0.source = [10, 0, 0, 50] }
        let ack = try Self.ack(guest, try bench.answered(guest, "steer_answer_cookie"))
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        #expect(bench.steering.maps.slots[0].gate_until > 0, "the NF needs the facts of its connection")
    }

    @Test("too many unfinished handshakes of one prefix: the next must prove itself")
    func prefixLimit() throws {
        try define(halfOpenLimit: 1)
        try bench.offer(0, 1, 2, 3)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        let neighbour = Self.syn.with { $0.source = [10, 0, 0, 3] }
        let ack = try Self.ack(neighbour, try bench.answered(neighbour, "steer_answer_cookie"))
        try bench.steer(ack, .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(bench.steering.binding(of: 1)?.isConfirmed == true)
    }

    @Test("the gate's counts are the slots'")
    func drift() throws {
        try define()
        try bench.offer(0, 1, 2, 3, 4)
        for client in 1...3 {
            let syn = Client.syn(from: "10.1.\(client).1")
            try bench.steer(syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        try bench.steering.unbind(slot: 0)
        try bench.steering.unbind(slot: 4)
        try bench.steering.unbind(slot: 4)
        #expect(bench.steering.gateDrift(service: Bench.service) == (0, 0))
        #expect(state().idle == 1 && state().half_open == 2)
        change {
            $0.idle = 7
            $0.half_open = -3
        }
        let drift = bench.steering.gateDrift(service: Bench.service)
        #expect(drift == (6, -5))
        bench.steering.correctGate(service: Bench.service, drift)
        #expect(state().idle == 1 && state().half_open == 2)
    }
}
