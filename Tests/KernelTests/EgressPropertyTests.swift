import BPF
import TestSupport
import Testing

@testable import Manager

/// Random frames made of the policy's own values, and a second opinion of what may pass.
@Suite("egress: any frame", .serialized)
struct EgressPropertyTests {
    /// What a slot of the test may send. Written from what README promises, not from the program.
    struct Policy {
        var sources: [[UInt8]]
        var clients: [[UInt8]]
        /// The last eight bytes of an IPv6 client may be any.
        var isPrefix = false
        var ports: ClosedRange<Int>?
        static let mtu = 1500
        static let leastSegment = 48

        func allows(_ frame: [UInt8], cutInto segment: Int) -> Bool {
            let packet = Array(frame.dropFirst(14))
            guard frame.count >= 14, segment == 0 || segment >= Self.leastSegment else { return false }
            switch (Int(frame[12]) << 8 | Int(frame[13])) {
            case 0x0800: return allowsIPv4(packet, segment)
            case 0x86DD: return allowsIPv6(packet, segment)
            default: return false
            }
        }

        private func allowsIPv4(_ packet: [UInt8], _ segment: Int) -> Bool {
            guard packet.count >= 20, packet[0] == 0x45, word(packet, 2) == packet.count else { return false }
            guard word(packet, 6) & 0x3FFF == 0 else { return false }
            return allows(packet, header: 20, Array(packet[12..<16]), Array(packet[16..<20]), packet[9], segment)
        }

        private func allowsIPv6(_ packet: [UInt8], _ segment: Int) -> Bool {
            guard packet.count >= 40, packet[0] >> 4 == 6, word(packet, 4) + 40 == packet.count else { return false }
            return allows(packet, header: 40, Array(packet[8..<24]), Array(packet[24..<40]), packet[6], segment)
        }

        private func allows(
            _ packet: [UInt8], header: Int, _ source: [UInt8], _ destination: [UInt8], _ number: UInt8, _ segment: Int
        ) -> Bool {
            guard number == 6, packet.count >= header + 20 else { return false }
            let transport = Int(packet[header + 12] >> 4) * 4
            guard transport >= 20, packet.count >= header + transport else { return false }
            let longest = segment > 0 ? header + transport + segment : packet.count
            guard longest <= Self.mtu, word(packet, header) == 80 else { return false }
            guard sources.contains(source), source.count == destination.count else { return false }
            let isClient = clients.contains(destination)
                || isPrefix && destination.count == 16 && clients.contains { $0.prefix(8) == destination.prefix(8) }
            return isClient && (ports?.contains(word(packet, header + 2)) ?? true)
        }

        private func word(_ bytes: [UInt8], _ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }
    }

    static let addresses = [
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.255", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0",
        "fd00::1", "fd00::2", "fd00::3", "fd00:0:0:1::2", "ff02::1", "::", "::1", "::ffff:10.0.0.1", "::ffff:10.0.0.2",
    ].map(PacketBuilder.address)

    /// A proper answer with some of its fields changed, to values that matter.
    private func frame(_ answer: PacketBuilder, _ random: inout SeededRandom) -> [UInt8] {
        var builder = answer
        let sizes = [0, 1, 7, 1399, 1440, 1459, 1460, 1461, 1480, 3000]
        builder.payload = [UInt8](repeating: 7, count: sizes.randomElement(using: &random) ?? 0)
        let family = Self.addresses.filter { $0.count == builder.source.count }
        if Int.random(in: 0..<8, using: &random) == 0 { builder.source = family.randomElement(using: &random)! }
        if Int.random(in: 0..<8, using: &random) == 0 { builder.destination = family.randomElement(using: &random)! }
        if Int.random(in: 0..<12, using: &random) == 0 { builder.sourcePort = [0, 22, 80, 81].randomElement(using: &random)! }
        if Int.random(in: 0..<8, using: &random) == 0 { builder.destinationPort = .random(in: 39_999...40_001, using: &random) }
        if Int.random(in: 0..<20, using: &random) == 0 {
            builder.transport = [.udp, .icmp(type: 8), .other(47), .tcp(flags: .rst)].randomElement(using: &random)!
        }
        if Int.random(in: 0..<20, using: &random) == 0 { builder.fragment = [(0, true), (9, false), (0, false)].randomElement(using: &random)! }
        if Int.random(in: 0..<20, using: &random) == 0 { builder.ipv4Options = [1, 1, 1, 0] }
        if Int.random(in: 0..<20, using: &random) == 0 { builder.sourceMAC = [UInt8](repeating: 255, count: 6) }
        var bytes = builder.bytes
        for _ in 0..<[0, 0, 0, 1, 1, 2].randomElement(using: &random)! {
            // In the headers, where something depends on it; MAC addresses and checksums are nobody's business here.
            let place = Int.random(in: 12..<min(bytes.count, 76), using: &random)
            bytes[place] = [0, 1, 4, 6, 8, 0x45, 0x46, 0x50, 0x60, 0x86, 0xDD, 0xFF, .random(in: 0...255, using: &random)]
                .randomElement(using: &random)!
        }
        if Int.random(in: 0..<20, using: &random) == 0 { bytes.removeLast(Int.random(in: 1...min(bytes.count - 14, 60), using: &random)) }
        if Int.random(in: 0..<20, using: &random) == 0 { bytes += [UInt8](repeating: 0, count: .random(in: 1...40, using: &random)) }
        return bytes
    }

    private func compare(_ bench: Bench, slot: UInt32, _ policy: Policy, _ answer: PacketBuilder, seed: UInt64) throws {
        try bench.steering.maps.slotDevices.update(Bench.device, slot)
        var random = SeededRandom(seed: seed)
        var counts = (sent: 0, refused: 0)
        for round in 0..<10_000 {
            let bytes = frame(answer, &random)
            let segment = [0, 0, 0, 1, 47, 48, 536, 1448, 1460, 1461, 9000].randomElement(using: &random)!
            // What ends in its IP header is no input of a test run; the tables of EgressTests have such frames.
            guard bytes.count >= 54 else { continue }
            let result = try bench.steering.maps.egress.testRun(bytes, context: Bench.context(UInt32(segment)))
            let isSent = result.verdict == Bench.Egress.redirect.rawValue
            let may = policy.allows(bytes, cutInto: segment)
            guard isSent == may else {
                let head = bytes.prefix(90).map { String($0, radix: 16) }.joined(separator: " ")
                Issue.record("seed \(seed), round \(round): \(isSent ? "sent" : "refused"), \(bytes.count) bytes cut into \(segment): \(head)")
                return
            }
            if isSent { counts.sent += 1 } else { counts.refused += 1 }
        }
        #expect(counts.sent > 1000 && counts.refused > 1000, "both kinds: \(counts)")
    }

    @Test("egress and a second opinion agree", arguments: [1, 2, 3] as [UInt64])
    func agreement(seed: UInt64) throws {
        try NetworkNamespace.inScratch {
            // What test runs arrive by and leave by; with the MTU that ports have.
            try LiveBed.ip("link", "set", "lo", "mtu", "\(Policy.mtu)")
            let bench = try Bench()
            try bench.define(prefix: 64)
            try bench.offer(0, 1)
            try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
            try bench.steer(Client.syn6, .redirect, "steer_redirect_assigned", "steer_assigned")
            let own = ["10.0.0.1", "fd00::1"].map(PacketBuilder.address)
            let first = Policy(sources: own, clients: [PacketBuilder.address("10.0.0.2")])
            try compare(bench, slot: 0, first, Client.syn.answer(.ack), seed: seed)
            let second = Policy(sources: own, clients: [PacketBuilder.address("fd00::2")], isPrefix: true)
            try compare(bench, slot: 1, second, Client.syn6.answer(.ack), seed: seed)

            let narrow = try Bench()
            try narrow.define(.connection)
            try narrow.offer(0)
            try narrow.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
            let third = Policy(
                sources: [PacketBuilder.address("10.0.0.1")], clients: [PacketBuilder.address("10.0.0.2")],
                ports: 40_000...40_000)
            try compare(narrow, slot: 0, third, Client.syn.answer(.ack), seed: seed)
        }
    }
}
