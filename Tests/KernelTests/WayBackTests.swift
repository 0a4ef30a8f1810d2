import BPF
import CBPFTypes
import TestSupport
import Testing

@testable import Manager

/// Where answers go, and that nobody who forges a client's frames has a say in it.
@Suite("the way back", .serialized)
struct WayBackTests {
    let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.define(prefix: 64, returnsByPath: true)
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
    }

    static let router: [UInt8] = [2, 0, 0, 0, 0, 0xE2]
    static let forger: [UInt8] = [2, 0, 0, 0, 0, 0x66]

    /// The MAC address that the frame of the NF leaves for.
    private func destination(of frame: PacketBuilder) throws -> [UInt8] {
        try bench.steering.maps.slotDevices.update(Bench.device, 0)
        let result = try bench.steering.maps.egress.testRun(frame.bytes)
        #expect(result.verdict == Bench.Egress.redirect.rawValue)
        #expect(Array(result.frame[6..<12]) == Bench.portMAC)
        #expect(Array(result.frame.dropFirst(12)) == Array(frame.bytes.dropFirst(12)), "only the link header changes")
        return Array(result.frame[0..<6])
    }

    private func answer(_ sequence: UInt32, _ byteCount: Int) -> PacketBuilder {
        Client.syn.answer(.ack, sequence: sequence).with { $0.payload = [UInt8](repeating: 7, count: byteCount) }
    }

    private func acknowledge(_ number: UInt32, from mac: [UInt8], port: UInt16 = 40_000) throws {
        let frame = Client.syn.ack(number).with {
            $0.sourceMAC = mac
            $0.sourcePort = port
        }
        try bench.steering.maps.slotDevices.update(Bench.device, 0)
        _ = try bench.steering.maps.steer.testRun(frame.bytes)
    }

    @Test("an acknowledgment of what was sent moves it; any other frame does not")
    func acknowledged() throws {
        let client = Client.syn.sourceMAC
        #expect(try destination(of: Client.syn.answer(sequence: 5000)) == client)
        #expect(try destination(of: answer(5001, 1000)) == client)
        // Before, behind and beside what is on its way.
        for number: UInt32 in [0, 4999, 6002, 1 << 31, 5001 &- (1 << 20)] {
            try acknowledge(number, from: Self.forger)
            #expect(try destination(of: answer(5001, 1)) == client)
        }
        // Of a connection on which nothing was sent; and no acknowledgments at all.
        try acknowledge(5500, from: Self.forger, port: 40_001)
        for flags: PacketBuilder.TCPFlags in [.syn, [.syn, .ack], .rst, [.rst, .ack], .fin, []] {
            let frame = Client.syn.with {
                $0.sourceMAC = Self.forger
                $0.transport = .tcp(flags: flags, sequence: 1001, acknowledgment: 5500)
            }
            _ = try bench.steering.maps.steer.testRun(frame.bytes)
        }
        #expect(try destination(of: answer(5001, 1)) == client)
        try acknowledge(5500, from: Self.router)
        #expect(try destination(of: answer(5001, 1)) == Self.router)
        // What was acknowledged already proves nothing any more.
        try acknowledge(5499, from: Self.forger)
        #expect(try destination(of: answer(5001, 1)) == Self.router)
        try acknowledge(6001, from: client)
        #expect(try destination(of: answer(6001, 1)) == client)
    }

    @Test("a SYN by another way is answered by that way, and nothing else is")
    func synchronize() throws {
        let client = Client.syn.sourceMAC
        #expect(try destination(of: Client.syn.answer(sequence: 5000)) == client)
        #expect(try destination(of: answer(5001, 1000)) == client)
        // A forged SYN for the connection that is open, whose answer is an ACK (RFC 9293 §3.10.7.4).
        let forged = Client.syn.with { $0.sourceMAC = Self.forger }
        try bench.steer(forged, .redirect, "steer_redirect_bound")
        #expect(try destination(of: answer(5001, 1000)) == client)
        // A new connection of the client by a router that took over.
        let moved = Client.syn.with {
            $0.sourceMAC = Self.router
            $0.sourcePort = 40_002
        }
        try bench.steer(moved, .redirect, "steer_redirect_bound")
        // Before its answer nothing can be acknowledged.
        for number: UInt32 in [0, 1] { try acknowledge(number, from: Self.forger, port: 40_002) }
        #expect(Bench.mac(bench.steering.maps.slots[0].path.client_mac) == client)
        #expect(try destination(of: answer(5001, 1)) == client)
        #expect(try destination(of: moved.answer(sequence: 7000)) == Self.router)
        #expect(try destination(of: moved.answer(.ack, sequence: 7001)) == Self.router)
        #expect(try destination(of: answer(5001, 1000)) == client)
        // The old connection follows with its next acknowledgment.
        try acknowledge(6001, from: Self.router)
        #expect(try destination(of: answer(6001, 1)) == Self.router)
    }

    @Test("a flood of forged frames leaves a download's way alone")
    func flood() throws {
        #expect(try destination(of: answer(5000, 1400)) == Client.syn.sourceMAC)
        var random = SeededRandom(seed: 11)
        for _ in 0..<10_000 {
            let guess = UInt32.random(in: 0...UInt32.max, using: &random)
            // One in four billion thousand-byte guesses may be right; this seed has none.
            try acknowledge(guess, from: Self.forger)
        }
        #expect(try destination(of: answer(5000, 1400)) == Client.syn.sourceMAC)
    }

    @Test("by the kernel's routes nothing of it matters: the frame goes to the neighbour table as it is")
    func routed() throws {
        try bench.define(prefix: 64)
        _ = try bench.steering.maps.egress.testRun(answer(5000, 1000).bytes)
        try acknowledge(5500, from: Self.router)
        #expect(Bench.mac(bench.steering.maps.slots[0].path.client_mac) == Client.syn.sourceMAC)
    }

    @Test("each guest of a shared slot has a way of its own")
    func guests() throws {
        let bench = try Bench()
        try bench.define(overflow: .share, returnsByPath: true)
        try bench.offer(0)
        try bench.steer(Client.syn, .redirect, "steer_redirect_assigned", "steer_assigned")
        try bench.steering.setShareTable(service: Bench.service, slots: [0])
        let guest = Client.syn(from: "10.0.0.50").with { $0.sourceMAC = [2, 0, 0, 0, 0, 0xD5] }
        try bench.steer(guest, .redirect, "steer_redirect_assigned", "steer_assigned_shared")
        for frame in [Client.syn, guest] {
            let result = try bench.steering.maps.egress.testRun(frame.answer().with { $0.destinationMAC[5] = 0 }.bytes)
            #expect(Array(result.frame[0..<6]) == frame.sourceMAC)
        }
        let forged = guest.ack(9).with { $0.sourceMAC = Self.forger }
        try bench.steer(forged, .redirect, "steer_redirect_bound")
        let result = try bench.steering.maps.egress.testRun(guest.answer().bytes)
        #expect(Array(result.frame[0..<6]) == guest.sourceMAC)
    }
}
