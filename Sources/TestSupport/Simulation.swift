public import PacketHeaders
public import TCPStack

/// Two hosts and the path between them, under virtual time: the same seed is the same run.
public final class Simulation {
    public let client: SimulatedHost
    public let server: SimulatedHost
    public var toServer: SimulatedLink
    public var toClient: SimulatedLink
    public private(set) var now: UInt64
    public var instant: Instant { Instant(nanoseconds: now) }
    /// Called after every round of both hosts; what it returns ends the run.
    public var check: (() -> [String])?
    public private(set) var problems: [String] = []
    /// Called for every frame that is sent, before the path has its way with it.
    public var onFrame: ((_ frame: [UInt8], _ isFromClient: Bool, _ now: UInt64) -> Void)?

    /// From then on frames with larger packets are dropped, and their sender is told (RFC 1191, RFC 8201).
    public var pathMTU: (mtu: Int, from: UInt64)?
    /// Frames that were too large, and ICMP errors about them.
    public private(set) var tooBigCount = 0

    public static let clientMAC: UInt64 = 0x0200_0000_0001
    public static let serverMAC: UInt64 = 0x0200_0000_0002

    public init(
        client: SimulatedHost, server: SimulatedHost, _ there: Impairment, _ back: Impairment, seed: UInt64,
        start: UInt64 = 1_000_000_000
    ) {
        self.client = client
        self.server = server
        var random = SeededRandom(seed: seed)
        toServer = SimulatedLink(there, seed: random.next())
        toClient = SimulatedLink(back, seed: random.next())
        now = start
    }

    public static func address(_ last: UInt8, isIPv6: Bool) -> Address {
        if isIPv6 { return Address(high: (0xFD77_0000_0000_0000 as UInt64).bigEndian, low: UInt64(last).bigEndian) }
        return Address(ipv4: (0x0A4D_0000 | UInt32(last)).bigEndian)
    }

    public func connect(port: UInt16 = 40_000, isIPv6: Bool = false, vlan: UInt16? = nil) -> ConnectionID? {
        client.connect(
            to: Endpoint(address: Self.address(1, isIPv6: isIPv6), port: 80),
            from: Endpoint(address: Self.address(2, isIPv6: isIPv6), port: port),
            by: LinkPath(destination: Self.serverMAC, source: Self.clientMAC, vlan: vlan), at: instant)
    }

    /// One round of both hosts at the present time.
    public func step() {
        while let frame = toServer.receive(at: now) { server.receive(frame, at: instant) }
        while let frame = toClient.receive(at: now) { client.receive(frame, at: instant) }
        client.expire(at: instant)
        server.expire(at: instant)
        client.transmit(at: instant) { frame in
            onFrame?(frame, true, now)
            if let error = tooBig(frame) { toClient.send(error, at: now) } else { toServer.send(frame, at: now) }
        }
        server.transmit(at: instant) { frame in
            onFrame?(frame, false, now)
            if let error = tooBig(frame) { toServer.send(error, at: now) } else { toClient.send(frame, at: now) }
        }
    }

    /// The error that a router answers a frame with that does not fit the path.
    private func tooBig(_ frame: [UInt8]) -> [UInt8]? {
        guard let pathMTU, now >= pathMTU.from, let template = SegmentTemplate(frame),
            frame.count - (template.vlan == nil ? 14 : 18) > pathMTU.mtu
        else { return nil }
        tooBigCount += 1
        let kind: (UInt8, UInt8) = template.source.address.isIPv4 ? (3, 4) : (2, 0)
        return template.icmpError(type: kind.0, code: kind.1, word: UInt32(pathMTU.mtu))
    }

    /// What is wrong with the count of frames: every one that was sent was delivered, was lost, or is under way.
    public var frameBalance: [String] {
        let links = [("to the server", toServer, client, server), ("to the client", toClient, server, client)]
        return links.flatMap { name, link, sender, receiver in
            var wrong: [String] = []
            let accounted = link.deliveredCount + link.lostCount + link.flightCount
            if link.sentCount + link.duplicatedCount != accounted { wrong.append("frames \(name) are not conserved") }
            if sender.segmentCount != Int(sender.stack.counters[.segmentsSent]) {
                wrong.append("segments \(name) were sent and not counted")
            }
            if receiver.frameCount != link.deliveredCount { wrong.append("frames \(name) were not received") }
            if receiver.stack.frameCount != receiver.frameCount { wrong.append("frames \(name) came to nothing known") }
            return wrong
        }
    }

    /// Runs until `isDone` or nothing is left to happen. False when `limitSeconds` of virtual time passed.
    @discardableResult
    public func run(limitSeconds: UInt64 = 3_600, until isDone: () -> Bool = { false }) -> Bool {
        let limit = now + limitSeconds * 1_000_000_000
        while true {
            step()
            if let check {
                problems = check()
                if !problems.isEmpty { return false }
            }
            if isDone() { return true }
            let candidates = [
                toServer.nextArrival, toClient.nextArrival, client.stack.nextDeadline?.nanoseconds,
                server.stack.nextDeadline?.nanoseconds,
            ]
            guard let next = candidates.compactMap({ $0 }).min() else { return true }
            now = max(next, now)
            if now > limit { return false }
        }
    }
}

extension Stack {
    /// Frames that were received, by the counters: segments, and what was dropped before it was one. ICMP errors that
    /// had an effect are counted by it.
    fileprivate var frameCount: Int {
        let before: [DropCause] = [
            .truncatedFrame, .notIP, .malformedIPv4, .malformedIPv6, .ipv4Checksum, .fragment, .notTCP, .malformedTCP,
            .tcpChecksum, .ignoredICMP, .invalidICMP,
        ]
        return Int(before.reduce(counters[.segmentsReceived]) { $0 + counters[$1] } + counters[.pathMTUReductions])
    }
}
