import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// Peers that follow no rule: nothing traps, nothing leaks, every frame sent is whole, every invariant holds.
@Suite struct HostileTests {
    /// One stack, a handful of peers, and random doings of everybody.
    struct Fuzzer: ~Copyable {
        var stack: Stack
        var random: SeededRandom
        var now: UInt64 = 5_000_000_000
        var problems: [String] = []
        var connections: [ConnectionID] = []
        private let isIPv6: Bool

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
            isIPv6 = seed % 2 == 0
            var configuration = Configuration(secret: (random.next(), random.next()))
            configuration.connectionCapacity = 6
            configuration.halfOpenLimit = 3
            configuration.timeWaitLimit = 2
            configuration.transmissionCapacity = 24
            configuration.reassemblyCapacity = 8
            configuration.replyCapacity = 4
            configuration.receivePoolByteCount = 1 << 17
            configuration.initialReceiveWindow = 8_000
            configuration.maximumReceiveWindow = 32_000
            configuration.timeWait = .seconds(2)
            configuration.keepaliveIdle = .seconds(5)
            configuration.userTimeout = .seconds(20)
            stack = Stack(configuration)
            let isListening = stack.listen(on: Endpoint(address: .any, port: 80))
            precondition(isListening)
        }

        private mutating func draw<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }

        /// A value at or near an edge, or anywhere.
        private mutating func near(_ edges: [UInt32]) -> UInt32 {
            switch random.next() % 8 {
            case 0: UInt32(truncatingIfNeeded: random.next())
            case 1, 2: draw(edges) &+ UInt32(truncatingIfNeeded: random.next() % 3) &- 1
            case 3: draw(edges) &+ UInt32(truncatingIfNeeded: random.next() % 4_000)
            default: draw(edges)
            }
        }

        mutating func step() {
            switch random.next() % 16 {
            case 0...8: segment()
            case 9...11: application()
            case 12: noise()
            default: time()
            }
            transmit()
            problems += stack.brokenInvariants()
        }

        /// A segment from one of three ports, at the edges of what its connection, if there is one, expects.
        private mutating func segment() {
            var template = SegmentTemplate(
                from: Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: draw([1_000, 1_001, 1_002])),
                to: Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: draw([80, 80, 80, 81])))
            let edges = stack.edges(of: template)
            template.sequence = near(edges.sequence)
            template.acknowledgment = near(edges.acknowledgment)
            template.control = draw([
                16, 16, 16, 16, 24, 17, 17, 2, 2, 18, 4, 20, 0, 3, 63, UInt8(truncatingIfNeeded: random.next()),
            ])
            template.window = draw([0, 1, 100, 65_535, UInt16(truncatingIfNeeded: random.next())])
            template.options = options(edges)
            let count = draw([0, 0, 1, 10, 536, 1_000])
            template.payload = [UInt8](repeating: 7, count: count)
            arrive(
                random.next() % 12 == 0
                    ? template.icmpError(
                        type: draw([3, 2, 1, 11]), code: draw([0, 1, 3, 4]), word: near([0, 68, 552, 1_280, 1_400]))
                    : template.frame)
        }

        private mutating func options(_ edges: Edges) -> [UInt8] {
            var bytes: [UInt8] = []
            func big(_ value: UInt32) -> [UInt8] {
                [
                    UInt8(truncatingIfNeeded: value >> 24), UInt8(truncatingIfNeeded: value >> 16),
                    UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value),
                ]
            }
            for _ in 0..<random.next() % 4 {
                switch random.next() % 8 {
                case 0: bytes += [2, 4] + big(near([0, 1, 536, 1_460]))[2...]
                case 1: bytes += [3, 3, draw([0, 1, 7, 14, 15, 255])]
                case 2: bytes += [4, 2]
                case 3, 4: bytes += [8, 10] + big(near([edges.timestamp])) + big(near([edges.echo]))
                case 5: bytes += [5, 18] + (0..<4).flatMap { _ in big(near(edges.acknowledgment)) }
                case 6: bytes += [1]
                default: bytes += [UInt8(truncatingIfNeeded: random.next()), draw([0, 1, 2, 3, 40, 255])]
                }
            }
            return Array(bytes.prefix(40))
        }

        /// A frame that is hardly one.
        private mutating func noise() {
            var template = SegmentTemplate(
                from: Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: 1_000),
                to: Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80))
            template.payload = [1, 2, 3, 4]
            var bytes = template.frame
            for _ in 0..<1 + random.next() % 6 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            arrive(Array(bytes[..<Int(random.next() % UInt64(bytes.count + 1))]))
        }

        private mutating func arrive(_ bytes: [UInt8]) {
            // Safe: bytes have no padding.
            let span = unsafe bytes.span.bytes
            let arrival = stack.receive(span, at: Instant(nanoseconds: now))
            if let id = arrival.connection, arrival.events.contains(.established) { connections.append(id) }
            guard !arrival.payload.isEmpty else { return }
            _ = stack.deliver(arrival, consumed: Int(random.next() % UInt64(arrival.payload.count + 1)), frame: span)
        }

        private mutating func application() {
            if random.next() % 8 == 0 {
                let port: UInt16 = draw([1_000, 1_001, 1_002])
                let id = stack.connect(
                    to: Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: port),
                    from: Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80),
                    by: LinkPath(destination: 1, source: 2), at: Instant(nanoseconds: now))
                if let id { connections.append(id) }
            }
            guard !connections.isEmpty else { return }
            // Stale IDs among them, on purpose.
            let id = draw(connections)
            switch random.next() % 10 {
            case 0...3: stack.send(id, byteCount: Int(random.next() % 5_000))
            case 4: stack.finish(id)
            case 5: if random.next() % 4 == 0 { stack.abort(id) }
            case 6: stack.setTimer(id, at: Instant(nanoseconds: now + random.next() % 1_000_000_000))
            default: stack.consume(id, Int(random.next() % 4_000))
            }
        }

        private mutating func time() {
            let bits = random.next() % 33
            now += random.next() % (1 << bits)
            while stack.nextEvent(at: Instant(nanoseconds: now)) != nil {}
        }

        private mutating func transmit() {
            var frame = [UInt8](repeating: 0, count: 1_518)
            for _ in 0..<200 {
                var span = frame.mutableSpan
                // Safe: any byte is a value of UInt8.
                var bytes = unsafe span.mutableBytes
                guard let segment = stack.nextSegment(into: &bytes, at: Instant(nanoseconds: now)) else { return }
                if !segment.payload.isEmpty && random.next() % 64 == 0 {
                    stack.fail(segment)
                    continue
                }
                stack.seal(segment, &bytes)
                let sent = Array(frame[..<segment.byteCount])
                if SegmentTemplate(sent) == nil { problems.append("a broken frame was sent") }
            }
            problems.append("two hundred segments at one time")
        }
    }

    @Test(arguments: 1...Seeds.count)
    func everythingAtRandom(seed: UInt64) {
        var fuzzer = Fuzzer(seed: seed)
        var step = 0
        while step < 1_500 && fuzzer.problems.isEmpty {
            fuzzer.step()
            step += 1
        }
        let problems = fuzzer.problems
        #expect(problems.isEmpty, "seed \(seed), step \(step): \(problems.prefix(3))")
        // Left alone, everything ends and everything is given back.
        for _ in 0..<2_000 where fuzzer.stack.connectionCount > 0 { fuzzer.abandon() }
        let left = fuzzer.stack.connectionCount
        let broken = fuzzer.stack.brokenInvariants()
        #expect(left == 0 && broken.isEmpty, "seed \(seed): \(left) left, \(broken)")
    }
}

extension HostileTests.Fuzzer {
    /// Nobody answers any more, and the application gives up what it holds.
    mutating func abandon() {
        now += 500_000_000
        let instant = Instant(nanoseconds: now)
        while stack.nextEvent(at: instant) != nil {}
        for id in connections { stack.consume(id, 1 << 20) }
        if now > 100_000_000_000 * 3 { for id in connections { stack.abort(id) } }
        var bytes = [UInt8](repeating: 0, count: 1_518)
        var span = bytes.mutableSpan
        // Safe: any byte is a value of UInt8.
        var frame = unsafe span.mutableBytes
        while stack.nextSegment(into: &frame, at: instant) != nil {}
    }
}

/// Where the interesting numbers of a connection are.
struct Edges {
    var sequence: [UInt32] = [0, 100, .max]
    var acknowledgment: [UInt32] = [0, 1, .max]
    var timestamp: UInt32 = 5
    var echo: UInt32 = 0
}

extension Stack {
    func edges(of template: SegmentTemplate) -> Edges {
        var edges = Edges()
        for index in 0..<UInt32(configuration.connectionCapacity)
        where blocks[index].generation & 1 == 1 && blocks[index].identity.peerPort == template.source.port {
            let next = blocks[index].receiveNext.rawValue
            let right = blocks[index].receiveRight.rawValue
            edges.sequence = [next, next, next &- 1, next &- 500, next &+ 500, right, right &- 1]
            let unacknowledged = blocks[index].sendUnacknowledged.rawValue
            let sent = blocks[index].sendNext.rawValue
            edges.acknowledgment = [
                unacknowledged, sent, sent, unacknowledged &+ (sent &- unacknowledged) / 2,
                unacknowledged &- blocks[index].maximumSendWindow, sent &+ 1,
            ]
            edges.timestamp = blocks[index].recentTimestamp
            edges.echo = blocks[index].timestampNow(now)
        }
        return edges
    }
}
