import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// What concerns more than one connection, or the frame rather than the segment.
@Suite struct StackTests {
    /// A stack, and calls that take and give frames as arrays.
    struct Bench: ~Copyable {
        var stack: Stack
        var now: UInt64 = 1_000_000_000
        var sent: [SegmentTemplate] = []
        var owner: [ConnectionID?] = []
        let client: Endpoint
        let server: Endpoint

        init(isIPv6: Bool = false, change: (inout Configuration) -> Void = { _ in }) {
            var configuration = Configuration(secret: (3, 4))
            configuration.connectionCapacity = 16
            configuration.receivePoolByteCount = 1 << 20
            change(&configuration)
            stack = Stack(configuration)
            client = Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: 40_000)
            server = Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80)
            let isListening = stack.listen(on: Endpoint(address: .any, port: 80))
            precondition(isListening)
        }

        @discardableResult
        mutating func receive(_ frame: [UInt8]) -> Arrival {
            // Safe: bytes have no padding.
            let span = unsafe frame.span.bytes
            let arrival = stack.receive(span, at: Instant(nanoseconds: now))
            if !arrival.payload.isEmpty { _ = stack.deliver(arrival, consumed: arrival.payload.count, frame: span) }
            return arrival
        }

        mutating func transmit(limit: Int = 10_000) {
            sent = []
            owner = []
            var frame = [UInt8](repeating: 0, count: 1_518)
            while sent.count < limit {
                var span = frame.mutableSpan
                // Safe: any byte is a value of UInt8.
                var bytes = unsafe span.mutableBytes
                guard let segment = stack.nextSegment(into: &bytes, at: Instant(nanoseconds: now)) else { return }
                stack.seal(segment, &bytes)
                guard let template = SegmentTemplate(Array(frame[..<segment.byteCount])) else { continue }
                sent.append(template)
                owner.append(segment.connection)
            }
        }

        func template(port: UInt16 = 40_000) -> SegmentTemplate {
            SegmentTemplate(from: Endpoint(address: client.address, port: port), to: server)
        }

        /// A handshake from `port`; the peer's next sequence number is 1.
        mutating func connect(port: UInt16 = 40_000, vlan: UInt16? = nil) -> ConnectionID? {
            var syn = template(port: port)
            syn.control = SegmentTemplate.syn
            syn.vlan = vlan
            syn.options = [2, 4, 0x03, 0xE8]
            receive(syn.frame)
            transmit()
            guard let answer = sent.first(where: { $0.control & SegmentTemplate.syn != 0 }) else { return nil }
            var ack = template(port: port)
            ack.sequence = 1
            ack.acknowledgment = answer.sequence &+ 1
            ack.vlan = vlan
            return receive(ack.frame).connection
        }
    }

    @Test(arguments: [false, true], [nil, 42] as [UInt16?])
    func answersTheWayTheClientCame(isIPv6: Bool, vlan: UInt16?) {
        var bench = Bench(isIPv6: isIPv6)
        let id = bench.connect(vlan: vlan)
        let first = bench.sent.first
        #expect(id != nil)
        #expect(first?.destinationMAC == Simulation.clientMAC && first?.sourceMAC == Simulation.serverMAC)
        #expect(first?.vlan == vlan && first?.destination == bench.client && first?.source == bench.server)
        // The client moved: another MAC, another tag.
        var data = bench.template()
        data.sequence = 1
        data.acknowledgment = (first?.sequence ?? 0) &+ 1
        data.payload = [1]
        data.sourceMAC = 0x0200_0000_0009
        data.vlan = 7
        bench.receive(data.frame)
        bench.transmit()
        let second = bench.sent.first
        #expect(second?.destinationMAC == 0x0200_0000_0009 && second?.vlan == 7)
    }

    /// A connection with much to send does not keep another waiting: sixteen segments, then the next one's turn.
    @Test func turnsAreTaken() {
        var bench = Bench { $0.initialReceiveWindow = 65_535 }
        let bulk = bench.connect(port: 1_000)
        let small = bench.connect(port: 1_001)
        guard let bulk, let small else {
            Issue.record("not connected")
            return
        }
        bench.transmit()
        bench.stack.blocks[bulk.index].congestion.setWindow(1 << 20)
        bench.stack.send(bulk, byteCount: 60_000)
        bench.stack.send(small, byteCount: 10)
        bench.transmit()
        let place = bench.owner.firstIndex(of: small)
        let count = bench.owner.count { $0 == bulk }
        #expect(place == 16 && count == 60, "\(String(describing: place)), \(count)")
    }

    @Test func implausibleAddressesAreDropped() {
        var bench = Bench()
        var count = 0
        for source: UInt32 in [0, 0x7F00_0001, 0xE000_0001, 0xFFFF_FFFF] {
            var syn = SegmentTemplate(
                from: Endpoint(address: Address(ipv4: source.bigEndian), port: 1), to: bench.server)
            syn.control = SegmentTemplate.syn
            if bench.receive(syn.frame).drop == .invalidAddress { count += 1 }
        }
        // LAND: from itself to itself. And port zero.
        var land = SegmentTemplate(from: bench.server, to: bench.server)
        land.control = SegmentTemplate.syn
        if bench.receive(land.frame).drop == .invalidAddress { count += 1 }
        var zero = bench.template(port: 0)
        zero.control = SegmentTemplate.syn
        if bench.receive(zero.frame).drop == .invalidAddress { count += 1 }
        bench.transmit()
        let isSilent = bench.sent.isEmpty
        #expect(count == 6 && isSilent)
    }

    @Test func resetsAreLimited() {
        var bench = Bench { $0.resetLimit = 10 }
        for port in 1...50 { bench.receive(bench.template(port: UInt16(port)).frame) }
        bench.transmit()
        let count = bench.sent.count
        let refused = bench.stack.counters[.rateLimited]
        #expect(count == 10 && refused == 40)
        bench.now += 1_000_000_000
        bench.receive(bench.template().frame)
        bench.transmit()
        let again = bench.sent.count
        #expect(again == 1)
    }

    @Test func aFullReplyQueueIsCounted() {
        var bench = Bench { $0.replyCapacity = 4 }
        for port in 1...6 { bench.receive(bench.template(port: UInt16(port)).frame) }
        bench.transmit()
        let count = bench.sent.count
        let lost = bench.stack.counters[.replyQueueFull]
        #expect(count == 4 && lost == 2)
    }

    /// A checksum of which only the pseudo-header was summed is right on a virtual link, and wrong on any other.
    @Test(arguments: [false, true], [false, true])
    func partialChecksum(isIPv6: Bool, isTrusted: Bool) {
        var bench = Bench(isIPv6: isIPv6) { $0.trustsPartialChecksums = isTrusted }
        var syn = bench.template()
        syn.control = SegmentTemplate.syn
        var frame = syn.frame
        let transport = 14 + (isIPv6 ? 40 : 20)
        let sum = InternetChecksum(
            pseudoHeader: bench.client.address, bench.server.address, protocol: 6, byteCount: frame.count - transport)
        let folded = UInt16(bigEndian: sum.folded)
        frame[transport + 16] = UInt8(folded >> 8)
        frame[transport + 17] = UInt8(truncatingIfNeeded: folded)
        let drop = bench.receive(frame).drop
        #expect(drop == (isTrusted ? nil : .tcpChecksum))
        // The complement is not it, and neither is a bit more.
        frame[transport + 17] ^= 1
        #expect(bench.receive(frame).drop == .tcpChecksum)
    }

    /// What the kernel's checksum offload expects: the folded sum, which it completes from csum_start.
    @Test(arguments: [false, true])
    func partialChecksumsAreSent(isIPv6: Bool) {
        var bench = Bench(isIPv6: isIPv6) { $0.transmitChecksum = .partial }
        var syn = bench.template()
        syn.control = SegmentTemplate.syn
        bench.receive(syn.frame)
        var frame = [UInt8](repeating: 0xAA, count: 1_518)
        var span = frame.mutableSpan
        // Safe: any byte is a value of UInt8.
        var bytes = unsafe span.mutableBytes
        guard let segment = bench.stack.nextSegment(into: &bytes, at: Instant(nanoseconds: bench.now)) else {
            Issue.record("nothing sent")
            return
        }
        bench.stack.seal(segment, &bytes)
        // What the device does: sum from csum_start to the end, complement, store at csum_offset.
        var sum = InternetChecksum()
        sum.add(bytes.bytes, segment.checksumStart..<segment.byteCount)
        bytes.storeNative(sum.field, at: segment.checksumStart + segment.checksumOffset)
        let isWhole = SegmentTemplate(Array(frame[..<segment.byteCount])) != nil
        #expect(isWhole)
    }

    /// Every block in use: cookies answer, and the ACK that finds no room is dropped.
    @Test func aFullTableAnswersWithCookies() {
        var bench = Bench { $0.connectionCapacity = 2 }
        let first = bench.connect(port: 1)
        let second = bench.connect(port: 2)
        let third = bench.connect(port: 3)
        let counters = bench.stack.counters
        #expect(first != nil && second != nil && third == nil)
        #expect(counters[.cookiesSent] == 1 && counters[.connectionTableFull] == 2)
        // Room again: the ACK of the cookie is taken.
        if let first { bench.stack.abort(first) }
        let fourth = bench.connect(port: 4)
        #expect(fourth != nil)
    }

    /// The oldest of too many connections in TIME_WAIT gives way, and a new connection takes its block.
    @Test func timeWaitGivesWay() {
        var bench = Bench { $0.connectionCapacity = 4 }
        for port in UInt16(1)...6 {
            guard let id = bench.connect(port: port) else {
                Issue.record("no block for \(port)")
                return
            }
            bench.stack.finish(id)
            bench.transmit()
            guard let fin = bench.sent.first else { continue }
            var answer = bench.template(port: port)
            answer.sequence = 1
            answer.acknowledgment = fin.sequence &+ 1
            answer.control = SegmentTemplate.ack | SegmentTemplate.fin
            bench.receive(answer.frame)
            bench.transmit()
        }
        let recycled = bench.stack.counters[.timeWaitRecycled]
        let count = bench.stack.connectionCount
        #expect(recycled == 2 && count == 4)
    }

    @Test func timeWaitIsBounded() {
        var bench = Bench { $0.timeWaitLimit = 3 }
        for port in UInt16(1)...6 {
            guard let id = bench.connect(port: port) else { continue }
            bench.transmit()
            bench.stack.finish(id)
            bench.transmit()
            var answer = bench.template(port: port)
            answer.sequence = 1
            answer.acknowledgment = (bench.sent.first?.sequence ?? 0) &+ 1
            answer.control = SegmentTemplate.ack | SegmentTemplate.fin
            bench.receive(answer.frame)
        }
        let count = bench.stack.connectionCount
        let broken = bench.stack.brokenInvariants()
        #expect(count == 3 && broken.isEmpty)
    }

    @Test func staleIDsDoNothing() {
        var bench = Bench()
        guard let id = bench.connect() else { return }
        bench.stack.abort(id)
        guard let next = bench.connect(port: 2) else { return }
        #expect(next.index == id.index && next.generation != id.generation)
        bench.stack.send(id, byteCount: 100)
        bench.stack.finish(id)
        bench.stack.abort(id)
        bench.stack.setTimer(id, at: Instant(nanoseconds: 1))
        bench.stack.consume(id, 5)
        let promised = bench.stack.promised(next)
        let count = bench.stack.connectionCount
        let peer = bench.stack.peer(of: id)
        #expect(promised == 0 && count == 1 && peer == nil)
    }

    /// Stream offsets go on where 32 bits end.
    @Test func offsetsPassFourGigabytes() {
        var bench = Bench()
        guard let id = bench.connect() else { return }
        let start = UInt64(UInt32.max) - 1_499
        bench.stack.blocks[id.index].acknowledgedOffset = start
        bench.stack.blocks[id.index].promisedOffset = start
        bench.stack.send(id, byteCount: 3_000)
        var offsets: [UInt64] = []
        var frame = [UInt8](repeating: 0, count: 1_518)
        while true {
            var span = frame.mutableSpan
            // Safe: any byte is a value of UInt8.
            var bytes = unsafe span.mutableBytes
            guard let segment = bench.stack.nextSegment(into: &bytes, at: Instant(nanoseconds: bench.now)) else {
                break
            }
            offsets.append(segment.streamOffset)
        }
        #expect(offsets == [start, start + 1_000, start + 2_000])
        var ack = bench.template()
        ack.sequence = 1
        ack.acknowledgment = bench.stack.blocks[id.index].sendNext.rawValue
        bench.receive(ack.frame)
        let acknowledged = bench.stack.acknowledged(id)
        #expect(acknowledged == start + 3_000)
    }

    /// The application cannot produce a segment's bytes: RST with the number the peer waits for, and the event.
    @Test func aFailedSegmentResets() {
        var bench = Bench()
        guard let id = bench.connect() else { return }
        bench.stack.send(id, byteCount: 1_500)
        bench.transmit(limit: 1)
        let first = bench.sent.first
        var frame = [UInt8](repeating: 0, count: 1_518)
        do {
            var span = frame.mutableSpan
            // Safe: any byte is a value of UInt8.
            var bytes = unsafe span.mutableBytes
            guard let segment = bench.stack.nextSegment(into: &bytes, at: Instant(nanoseconds: bench.now)) else {
                return
            }
            bench.stack.fail(segment)
        }
        let event = bench.stack.nextEvent(at: Instant(nanoseconds: bench.now))
        bench.transmit()
        let reset = bench.sent.first
        #expect(event?.connection == id && event?.events == .closed && event?.reason == .aborted)
        #expect(reset?.control == SegmentTemplate.rst | SegmentTemplate.ack)
        #expect(reset?.sequence == (first?.sequence ?? 0) &+ 1_000)
        let left = bench.stack.connectionCount
        #expect(left == 0)
    }

    /// Initial sequence numbers: no two connections share a series, and the clock moves each (RFC 6528).
    @Test func initialSequenceNumbers() {
        let first = InitialSequence(secret: (1, 2))
        let other = InitialSequence(secret: (1, 3))
        func identity(_ port: UInt16) -> ConnectionIdentity {
            ConnectionIdentity(
                peer: Simulation.address(2, isIPv6: false), local: Simulation.address(1, isIPv6: false), peerPort: port,
                localPort: 80)
        }
        let now = Instant(nanoseconds: 1_000_000_000)
        let later = Instant(nanoseconds: 1_000_400_000)
        let number = first.number(identity(1), at: now)
        #expect(number != first.number(identity(2), at: now))
        #expect(number != other.number(identity(1), at: now))
        #expect(first.number(identity(1), at: later) - number == 100)
    }

    /// A window grows for a peer that fills it every round trip, up to the configured limit; not for one that does not.
    @Test(arguments: [true, false])
    func receiveWindowTuning(isBulk: Bool) {
        let simulation = TransferTests.simulation(
            seed: 9, clientBytes: isBulk ? 3_000_000 : 30_000, serverBytes: 0)
        _ = simulation.connect()
        var largest: UInt32 = 0
        simulation.run {
            if let id = simulation.server.streams.keys.first, let block = simulation.server.stack.info(id) {
                largest = max(largest, block.receiveWindow)
            }
            return false
        }
        if isBulk { #expect(largest > 500_000) } else { #expect(largest <= 65_535) }
    }

    /// After a pause longer than the retransmission timeout the window starts again (RFC 5681 §4.1).
    @Test func aPauseRestartsTheWindow() {
        var bench = Bench()
        guard let id = bench.connect() else { return }
        bench.stack.blocks[id.index].congestion.setWindow(60_000)
        bench.now += 5_000_000_000
        _ = bench.stack.nextEvent(at: Instant(nanoseconds: bench.now))
        bench.stack.send(id, byteCount: 60_000)
        bench.transmit()
        let count = bench.sent.count
        #expect(count == 10)
    }

    /// Without any room in TIME_WAIT a connection is gone with its last segment, once.
    @Test func timeWaitWithoutRoom() {
        var bench = Bench { $0.timeWaitLimit = 0 }
        for port in UInt16(1_000)..<1_004 {
            guard let id = bench.connect(port: port) else { continue }
            bench.stack.finish(id)
            bench.transmit()
            guard let fin = bench.sent.first else { continue }
            var last = bench.template(port: port)
            last.sequence = 1
            last.acknowledgment = fin.sequence &+ 1
            last.control = SegmentTemplate.fin | SegmentTemplate.ack
            last.payload = port % 2 == 0 ? [] : [1]
            bench.receive(last.frame)
            bench.transmit()
            bench.now += 100_000_000_000
            while bench.stack.nextEvent(at: Instant(nanoseconds: bench.now)) != nil {}
            let count = bench.stack.connectionCount
            let broken = bench.stack.brokenInvariants()
            #expect(count == 0 && broken.isEmpty)
        }
        // Nothing was given back twice: two new connections are two.
        let ids = [bench.connect(port: 2_000), bench.connect(port: 2_001)]
        #expect(ids[0] != nil && ids[1] != nil && ids[0]?.index != ids[1]?.index)
    }

    /// RFC 9293 §3.9.1.1: opens to and from addresses that are no single host's, or of two families, are refused.
    @Test func opensToNoHostAreRefused() {
        var bench = Bench()
        let path = LinkPath(destination: 1, source: 2)
        var refused = 0
        for address in [0xE000_0001, 0xFFFF_FFFF, 0x7F00_0001, 0] as [UInt32] {
            let peer = Endpoint(address: Address(ipv4: address.bigEndian), port: 80)
            if bench.stack.connect(to: peer, from: bench.server, by: path, at: Instant(nanoseconds: bench.now)) == nil {
                refused += 1
            }
        }
        let other = Endpoint(address: Simulation.address(2, isIPv6: true), port: 80)
        let mixed = bench.stack.connect(to: other, from: bench.server, by: path, at: Instant(nanoseconds: bench.now))
        let count = bench.stack.connectionCount
        #expect(refused == 4 && mixed == nil && count == 0)
    }

    /// RFC 9293 §3.9.1.1: listening on one endpoint takes nothing from another, nor from a connection.
    @Test func listenersAreIndependent() {
        var bench = Bench()
        let first = bench.connect(port: 1_000)
        let own = Endpoint(address: bench.server.address, port: 80)
        let answers = [bench.stack.listen(on: own), bench.stack.listen(on: Endpoint(address: .any, port: 81))]
        let second = bench.connect(port: 1_001)
        var elsewhere = bench.template(port: 1_002)
        elsewhere.destination.port = 81
        elsewhere.control = SegmentTemplate.syn
        bench.receive(elsewhere.frame)
        bench.transmit()
        let control = bench.sent.first?.control
        #expect(answers == [true, true] && control == SegmentTemplate.syn | SegmentTemplate.ack)
        let states = [first, second].map { $0.flatMap { bench.stack.info($0)?.state } }
        #expect(states == [.established, .established])
    }

    /// RFC 9293 §3.8.6.3: what arrived together is acknowledged together.
    @Test func oneAcknowledgmentForABurst() {
        var bench = Bench()
        _ = bench.connect()
        let acknowledgment = bench.sent.first.map { $0.sequence &+ 1 } ?? 0
        for offset in UInt32(0)..<8 {
            var data = bench.template()
            data.sequence = 1 + offset * 1_000
            data.acknowledgment = acknowledgment
            data.payload = [UInt8](repeating: 1, count: 1_000)
            bench.receive(data.frame)
        }
        bench.transmit()
        let acknowledgments = bench.sent.map(\.acknowledgment)
        #expect(acknowledgments == [8_001])
    }

    /// Defaults that RFC 9293 has a bound for: R1 and R2, the delay of an ACK, keepalive once it is asked for.
    @Test func defaultsAreWithinBounds() {
        let configuration = Configuration(secret: (1, 2))
        #expect(configuration.userTimeout >= .seconds(100) && configuration.connectTimeout >= .seconds(180))
        #expect(configuration.delayedAcknowledgmentTimeout < .milliseconds(500))
        var unset = configuration
        unset.keepaliveIdle = nil
        #expect(Timing(unset).keepaliveIdle >= 7_200_000_000_000)
        #expect(configuration.minimumRetransmissionTimeout <= configuration.initialRetransmissionTimeout)
    }

    /// A cookie is not good for longer because others are handed out meanwhile (RFC 4987 §3.6).
    @Test func oldCookiesAreRefused() {
        var bench = Bench { $0.halfOpenLimit = 0 }
        var syn = bench.template(port: 1_000)
        syn.control = SegmentTemplate.syn
        bench.receive(syn.frame)
        bench.transmit()
        var ack = bench.template(port: 1_000)
        ack.sequence = 1
        ack.acknowledgment = (bench.sent.first?.sequence ?? 0) &+ 1
        for port in UInt16(1_001)..<1_006 {
            bench.now += 30_000_000_000
            syn.source.port = port
            bench.receive(syn.frame)
            bench.transmit()
        }
        let arrival = bench.receive(ack.frame)
        let accepted = bench.stack.counters[.cookiesAccepted]
        #expect(arrival.connection == nil && accepted == 0)
    }
}
