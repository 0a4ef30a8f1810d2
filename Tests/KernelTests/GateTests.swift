import BPF
import CBPFTypes
import TCPStack
import TestSupport
import Testing

@testable import Manager

/// The SYN gate, frame by frame: when it is on, what it answers, and who gets an NF.
@Suite("SYN gate", .serialized)
struct GateTests {
    let bench: Bench

    /// On with fewer than two idle NFs, or four clients that are not confirmed.
    static let gate = ServiceDefinition.Gate(
        idleMark: 2, halfOpenMark: 4, unansweredMark: 1, offer: .init(window: 60_000, windowShift: 4, mtu: 1500))

    init() throws { bench = try Bench() }

    func define(
        _ isolation: ServiceDefinition.Isolation = .client, overflow: ServiceDefinition.Overflow = .refuse,
        halfOpenLimit: UInt32 = 0
    ) throws {
        try bench.define(isolation, overflow: overflow, halfOpenLimit: halfOpenLimit, gate: Self.gate)
    }

    /// The options of Linux: MSS, SACK-permitted, timestamps, NOP, window scale.
    static let options: [UInt8] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 77, 0, 0, 0, 0, 1, 3, 3, 7]
    static let syn = Client.syn.with { $0.tcpOptions = options }
    static let syn6 = Client.syn6.with { $0.tcpOptions = options }

    /// The ACK that a client sends when it gets the answer.
    static func ack(_ syn: PacketBuilder, _ answer: [UInt8], _ payload: [UInt8] = []) throws -> PacketBuilder {
        let segment = try #require(SegmentTemplate(answer), "the answer is whole and its checksums are right")
        let times = segment.optionList.first { $0.kind == 8 }?.content
        return syn.with {
            $0.transport = .tcp(
                flags: payload.isEmpty ? .ack : [.ack, .psh], sequence: segment.acknowledgment,
                acknowledgment: segment.sequence &+ 1)
            $0.tcpOptions = times.map { [1, 1, 8, 10, 0, 0, 0, 78] + $0.prefix(4) } ?? []
            $0.payload = payload
        }
    }

    func state() -> onvm_gate_state { bench.steering.maps.gateState[Int(Bench.service)] }

    func change(_ body: (inout onvm_gate_state) -> Void) {
        var element = state()
        body(&element)
        bench.steering.maps.gateState[Int(Bench.service)] = element
    }

    /// As if the gate's time had run out.
    func expire() { change { $0.on_until = 1 } }

    func service(_ counter: String) throws -> UInt64 {
        try #require(bench.steering.serviceCounters(Bench.service).first { $0.name == counter }).value
    }

    // MARK: The answer

    @Test(
        "the answer is a SYN,ACK of the NF's making, in the frame's place",
        arguments: [syn, syn6, syn.with { $0.vlans = [5] }, syn6.with { $0.vlans = [0x6005] }])
    func answer(syn: PacketBuilder) throws {
        try define()
        let frame = try bench.answered(syn, "steer_answer_cookie")
        let answer = try #require(SegmentTemplate(frame))
        let isIPv6 = syn.source.count == 16
        #expect(Array(frame[0..<12]) == syn.sourceMAC + syn.destinationMAC)
        let tag = syn.vlans.isEmpty ? 0 : 4
        #expect(Array(frame[12..<12 + tag]) == Array(syn.bytes[12..<12 + tag]), "the tag stays, with its priority")
        let addresses = isIPv6 ? 22 + tag : 26 + tag
        #expect(Array(frame[addresses..<addresses + syn.source.count * 2]) == syn.destination + syn.source)
        #expect(answer.source.port == 80 && answer.destination.port == 40_000)
        #expect(answer.control == 0x12 && answer.acknowledgment == 1_001 && answer.window == 60_000)
        #expect(answer.hopLimit == 64 && answer.payload.isEmpty)
        #expect(frame.count == syn.bytes.count)
        #expect(answer.optionList.map(\.kind) == [2, 4, 8, 3])
        #expect(answer.optionList[0].content == (isIPv6 ? [5, 160] : [5, 180]))
        let times = answer.optionList[2].content
        #expect(times[3] & 31 == 16 | 7, "SACK and the client's window shift")
        #expect(Array(times[4..<8]) == [0, 0, 0, 77])
        #expect(answer.optionList[3].content == [4])
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        let again = try bench.answered(syn, "steer_answer_cookie")
        #expect(SegmentTemplate(again)?.sequence == answer.sequence, "a SYN that comes again gets the same cookie")
        let other = try bench.answered(syn.with { $0.sourcePort = 40_001 }, "steer_answer_cookie")
        #expect(SegmentTemplate(other)?.sequence != answer.sequence)
        #expect(try service("cookies_sent") == 3)
    }

    /// Options of the SYN, and which the answer has: never more bytes than the question.
    static let shortSYNs: [([UInt8], [UInt8])] = [
        ([], []),
        ([2, 4, 5, 180], [2]),
        ([2, 4, 5, 180, 4, 2, 1, 1], [2]),
        ([2, 4, 5, 180, 1, 3, 3, 7], [2]),
        ([1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0], [8]),
        ([4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0], [4, 8]),
        ([4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 9], [4, 8, 3]),
        ([2, 4, 5, 180, 1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0], [2, 8]),
        ([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0], [2, 4, 8]),
        (options + [34, 2, 1, 1], [2, 4, 8, 3]),
        ([8, 11, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0], [2]),
        ([2, 4, 5, 180, 8, 0, 4, 2], [2]),
        ([0, 4, 2, 8], [2]),
        ([UInt8](repeating: 1, count: 40), [2]),
        ([254, 40] + [UInt8](repeating: 0, count: 38), [2]),
    ]

    @Test("an answer is no longer than the question", arguments: shortSYNs.indices)
    func shortSYN(index: Int) throws {
        let (options, kinds) = Self.shortSYNs[index]
        try define()
        for base in [Client.syn, Client.syn6] {
            let question = base.with { $0.tcpOptions = options }
            let frame = try bench.answered(question, "steer_answer_cookie")
            let answer = try #require(SegmentTemplate(frame))
            #expect(answer.optionList.map(\.kind) == kinds)
            #expect(frame.count <= question.bytes.count)
            let times = answer.optionList.first { $0.kind == 8 }?.content
            let scales = kinds.contains(3)
            #expect(times.map { $0[3] & 15 == 15 } ?? !scales == !scales, "no shift is kept that was not offered")
        }
    }

    @Test("headers longer than ours make room, data of a SYN is left for later, padding stays padding")
    func otherShapes() throws {
        try define()
        let questions = [
            Self.syn.with { $0.ipv4Options = [UInt8](repeating: 1, count: 40) },
            Self.syn6.with { $0.extensions = [(60, [UInt8](repeating: 0, count: 14)), (0, [1, 4, 0, 0, 0, 0])] },
            Self.syn.with { $0.payload = [UInt8](repeating: 9, count: 777) },
            Client.syn.with { $0.ipv4Options = [UInt8](repeating: 1, count: 20) },
        ]
        for question in questions {
            let frame = try bench.answered(question, "steer_answer_cookie")
            let answer = try #require(SegmentTemplate(frame))
            #expect(answer.acknowledgment == 1_001)
            #expect(frame.count < question.bytes.count)
            let headers = question.source.count == 16 ? 74 : 54
            #expect(frame.count == max(60, headers + answer.options.count))
        }
        // 54 bytes of SYN in Ethernet's least frame.
        let before = try bench.snapshot()
        let padded = try bench.steering.maps.steer.testRun(Client.syn.bytes + [0, 0, 0, 0, 0, 0])
        #expect(padded.verdict == Bench.Verdict.transmit.rawValue && padded.frame.count == 60)
        #expect(try bench.moved(since: before) == ["steer_answer_cookie"])
        #expect(SegmentTemplate(padded.frame)?.control == 0x12)
    }

    @Test("where XDP_TX is lost the answer is marked for the tc program")
    func marked() throws {
        try define()
        try bench.steering.maps.gatePorts.update(Bench.device, UInt32(ONVM_PORT_ANSWERS_BY_TC))
        let frame = try bench.answered(Self.syn, "steer_answer_cookie", by: .pass)
        let mark = UInt32(ONVM_ANSWER_MAGIC)
        #expect(Array(frame.prefix(4)) == (unsafe withUnsafeBytes(of: mark) { unsafe Array($0) }))
        #expect(SegmentTemplate(Array(frame.dropFirst(4)))?.control == 0x12)
    }

    // MARK: Checksums

    @Test("a SYN whose checksums are wrong takes no NF and gets no answer", arguments: [true, false])
    func checksums(isPressed: Bool) throws {
        try define()
        if !isPressed { try bench.offer(0, 1, 2, 3) }
        for base in [Self.syn, Self.syn6, Self.syn.with { $0.vlans = [5] }] {
            for payload in [0, 1, 63, 64, 65, 1_400] {
                let whole = base.with { $0.payload = (0..<payload).map { UInt8(truncatingIfNeeded: $0) } }.bytes
                let network = base.vlans.isEmpty ? 14 : 18
                let transport = network + (base.source.count == 16 ? 40 : 20)
                for place in [transport + 4, transport + 16, whole.count - 1] {
                    var bytes = whole
                    bytes[place] ^= 0x40
                    try bench.steer(bytes: bytes, .drop, ["steer_drop_checksum"], #_sourceLocation)
                }
                guard base.source.count == 4 else { continue }
                var bytes = whole
                bytes[network + 8] ^= 1
                try bench.steer(bytes: bytes, .drop, ["steer_drop_checksum"], #_sourceLocation)
            }
        }
        #expect(bench.steering.maps.bindings.keys.isEmpty)
        #expect(try service("checksum_dropped") > 0)
    }

    @Test("a SYN longer than its frame takes no NF")
    func truncated() throws {
        try define()
        let bytes = Self.syn.with { $0.payload = [1, 2, 3, 4] }.bytes
        try bench.steer(bytes: Array(bytes.dropLast(2)), .drop, ["steer_drop_checksum"], #_sourceLocation)
    }

    @Test("a checksum of the pseudo-header alone is right on virtual ports, and only there")
    func partialChecksums() throws {
        try define()
        for base in [Self.syn, Self.syn6.with { $0.vlans = [5] }] {
            let transport = 14 + base.vlans.count * 4 + (base.source.count == 16 ? 40 : 20)
            var bytes = base.bytes
            // As CHECKSUM_PARTIAL leaves it: the folded sum of addresses, protocol and length.
            var sum: UInt32 = 6 + UInt32(bytes.count - transport)
            let addresses = base.source + base.destination
            for index in stride(from: 0, to: addresses.count, by: 2) {
                sum += UInt32(addresses[index]) << 8 | UInt32(addresses[index + 1])
            }
            while sum > 0xFFFF { sum = (sum >> 16) + (sum & 0xFFFF) }
            bytes.replaceSubrange(transport + 16..<transport + 18, with: [UInt8(sum >> 8), UInt8(sum & 0xFF)])
            try bench.steering.maps.gatePorts.update(Bench.device, 0)
            try bench.steer(bytes: bytes, .drop, ["steer_drop_checksum"], #_sourceLocation)
            try bench.steering.maps.gatePorts.update(Bench.device, UInt32(ONVM_PORT_PARTIAL_CHECKSUMS))
            let result = try bench.steering.maps.steer.testRun(bytes)
            #expect(result.verdict == Bench.Verdict.transmit.rawValue)
            #expect(SegmentTemplate(result.frame)?.control == 0x12, "the answer's checksum is whole")
            bytes[transport + 17] ^= 1
            try bench.steer(bytes: bytes, .drop, ["steer_drop_checksum"], #_sourceLocation)
            try bench.answered(base, "steer_answer_cookie")
        }
    }

    // MARK: On and off

    @Test("few idle NFs switch it on; it goes off when that is over for a while")
    func idleMark() throws {
        try define()
        try bench.offer(0, 1, 2)
        try bench.steer(Client.syn(from: "10.1.0.1"), .redirect, "steer_redirect_assigned", "steer_assigned")
        #expect(state().on_until == 0)
        try bench.steer(Client.syn(from: "10.1.0.2"), .redirect, "steer_redirect_assigned", "steer_assigned")
        _ = bench.events()
        try bench.answered(Client.syn(from: "10.1.0.3"), "steer_answer_cookie")
        #expect(bench.events() == [.gateOn(service: Bench.service)])
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.isOn == true)
        try bench.offer(3, 4, 5)
        try bench.answered(Client.syn(from: "10.1.0.4"), "steer_answer_cookie")
        #expect(bench.events().isEmpty, "it was on already")
        #expect(state().on_until &- state().on_since >= 1_900_000_000)
        expire()
        change { $0.window_at = 0 }
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.isOn == false)
        try bench.steer(Client.syn(from: "10.1.0.5"), .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    @Test("many unfinished handshakes switch it on; a finished one makes room")
    func halfOpenMark() throws {
        try define()
        try bench.offer(0, 1, 2, 3, 4, 5, 6, 7)
        for client in 1...4 {
            let syn = Client.syn(from: "10.1.\(client).1")
            try bench.steer(syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        }
        try bench.answered(Client.syn(from: "10.1.5.1"), "steer_answer_cookie")
        let first = Client.syn(from: "10.1.1.1")
        try bench.egress(first.answer(), from: 0, .redirect, "egress_sent")
        try bench.steer(first.ack(5001), .redirect, "steer_redirect_bound", "steer_confirmed")
        expire()
        change { $0.window_at = 0 }
        try bench.steer(Client.syn(from: "10.1.6.1"), .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.answered(Client.syn(from: "10.1.7.1"), "steer_answer_cookie")
        // An NF that is taken away gives its place back, too.
        try bench.steering.unbind(slot: 1)
        #expect(bench.steering.gate(service: Bench.service, at: .now)?.halfOpen == 3)
    }

    @Test("cookies that nobody returns keep it on")
    func unanswered() throws {
        try define()
        try bench.offer(0, 1, 2, 3)
        let now = MonotonicTime.now.nanoseconds
        change {
            $0.window_at = now
            $0.unanswered = 2
        }
        try bench.answered(Client.syn(from: "10.1.0.1"), "steer_answer_cookie")
        expire()
        change { $0.unanswered = 1 }
        try bench.steer(Client.syn(from: "10.1.0.2"), .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    @Test("a flood takes no NF beyond the marks, whatever its sources", arguments: [true, false])
    func flood(isOnePrefix: Bool) throws {
        try define()
        try bench.offer(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
        for number in 0..<2_000 {
            let low = isOnePrefix ? "10.9.9.\(number % 250)" : "10.\(number % 200).\(number % 251).\(number % 13)"
            _ = try bench.steering.maps.steer.testRun(
                Self.syn.with {
                    $0.source = PacketBuilder.address(low)
                    $0.sourcePort = UInt16(1_024 + number)
                }.bytes)
        }
        #expect((0..<10).count { bench.steering.binding(of: $0) != nil } <= 4)
        #expect(try service("cookies_sent") >= 1_900)
        let sources = bench.steering.gateSources(service: Bench.service, limit: 3)
        if isOnePrefix { #expect(sources.first?.prefix == "10.9.9.0/24" && sources.count == 1) }
    }

    @Test("a datagram passes no gate")
    func datagrams() throws {
        try define()
        try bench.offer(0)
        try bench.steer(Client.datagram, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steer(
            Client.datagram.with { $0.source = [10, 0, 0, 9] }, .drop, "steer_drop_overflow")
    }
}
