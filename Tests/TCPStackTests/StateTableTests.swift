import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// Every state × every kind of segment × every place in the window × what it acknowledges, with and without timestamps
/// and SACK, over IPv4 and IPv6: the answer, the state after it, and what the application hears.
@Suite struct StateTableTests {
    typealias Place = StateOracle.Place

    struct Setting: CustomTestStringConvertible, Sendable {
        let hasTimestamps, hasSACK, isIPv6: Bool
        var testDescription: String {
            "IPv\(isIPv6 ? 6 : 4)\(hasTimestamps ? ", timestamps" : "")\(hasSACK ? ", SACK" : "")"
        }
        static let all = (0..<8).map {
            Setting(hasTimestamps: $0 & 1 != 0, hasSACK: $0 & 2 != 0, isIPv6: $0 & 4 != 0)
        }
    }

    /// A stack with one connection in a given state, as its peer knows it.
    struct Subject: ~Copyable {
        var bench: StackTests.Bench
        let setting: Setting
        var id: ConnectionID?
        /// The peer's next sequence number, this end's first and next, and the right edge that this end offered.
        var peerNext: UInt32 = 4_294_967_290
        var unacknowledged: UInt32 = 0
        var sentNext: UInt32 = 0
        var right: UInt32 = 0
        var clock: UInt32 = 1_000
        var echo: UInt32 = 0

        init(_ setting: Setting) {
            self.setting = setting
            bench = StackTests.Bench(isIPv6: setting.isIPv6) {
                $0.initialReceiveWindow = 5_000
                $0.maximumReceiveWindow = 5_000
                $0.keepaliveIdle = nil
                $0.usesTimestamps = setting.hasTimestamps
                $0.usesSelectiveAcknowledgment = setting.hasSACK
            }
        }

        mutating func segment(_ control: UInt8, at sequence: UInt32, ack: UInt32, count: Int = 0) -> SegmentTemplate {
            var template = bench.template()
            template.control = control
            template.sequence = sequence
            template.acknowledgment = control & SegmentTemplate.ack != 0 ? ack : 0
            template.payload = [UInt8](repeating: 5, count: count)
            clock += 10
            if control & SegmentTemplate.syn != 0 {
                template.options = [2, 4, 3, 232] + (setting.hasSACK ? [4, 2] : [])
            }
            if setting.hasTimestamps {
                template.options +=
                    [8, 10] + SegmentTemplate.big(UInt64(clock), 4) + SegmentTemplate.big(UInt64(echo), 4)
            }
            return template
        }

        /// Takes what the stack sends, as the peer would.
        mutating func transmit() {
            bench.transmit()
            for template in bench.sent where template.control & SegmentTemplate.rst == 0 {
                if template.control & SegmentTemplate.syn != 0 {
                    unacknowledged = template.sequence
                    sentNext = template.sequence
                }
                let length =
                    UInt32(template.payload.count) + (template.control & SegmentTemplate.syn != 0 ? 1 : 0)
                    + (template.control & SegmentTemplate.fin != 0 ? 1 : 0)
                sentNext = max(sentNext, template.sequence &+ length)
                right = template.acknowledgment &+ UInt32(template.window)
                for (kind, content) in template.optionList where kind == 8 {
                    echo = SegmentTemplate.number(content.prefix(4))
                }
            }
        }

        mutating func peer(_ control: UInt8, ack: UInt32, length: UInt32 = 0) {
            let template = segment(control, at: peerNext, ack: ack)
            let arrival = bench.receive(template.frame)
            if let connection = arrival.connection { id = connection }
            peerNext &+= length
            transmit()
        }

        mutating func bring(to place: Place) {
            let (fin, syn, ack) = (SegmentTemplate.fin, SegmentTemplate.syn, SegmentTemplate.ack)
            switch place {
            case .closed: break
            case .listen: break
            case .synSent:
                id = bench.stack.connect(
                    to: bench.client, from: bench.server, by: LinkPath(destination: 1, source: 2),
                    at: Instant(nanoseconds: bench.now))
                transmit()
            case .synReceived: peer(syn, ack: 0, length: 1)
            case .established:
                bring(to: .synReceived)
                peer(ack, ack: sentNext)
                unacknowledged = sentNext
            case .finWait1:
                bring(to: .established)
                if let id { bench.stack.finish(id) }
                transmit()
            case .finWait2:
                bring(to: .finWait1)
                peer(ack, ack: sentNext)
                unacknowledged = sentNext
            case .closeWait:
                bring(to: .established)
                peer(fin | ack, ack: sentNext, length: 1)
            case .closing:
                bring(to: .finWait1)
                peer(fin | ack, ack: unacknowledged, length: 1)
            case .lastAck:
                bring(to: .closeWait)
                if let id { bench.stack.finish(id) }
                transmit()
            case .timeWait:
                bring(to: .finWait2)
                peer(fin | ack, ack: sentNext, length: 1)
            }
        }

        var place: Place {
            let blocks = bench.stack.blocks
            for index in 0..<UInt32(16) where blocks[index].generation & 1 == 1 {
                return Place(rawValue: "\(blocks[index].state)") ?? .closed
            }
            return .closed
        }
    }

    @Test(arguments: Setting.all, Place.allCases)
    func everyCell(setting: Setting, place: Place) {
        var wrong: [String] = []
        var count = 0
        for kind in StateOracle.Kind.allCases {
            for position in StateOracle.Position.allCases {
                for acknowledges in StateOracle.Acknowledges.allCases {
                    let oracle = StateOracle(
                        place: place, kind: kind, position: position, acknowledges: acknowledges,
                        hasTimestamps: setting.hasTimestamps)
                    count += 1
                    wrong += Self.difference(oracle, setting).map {
                        "\(kind.name), \(position), \(acknowledges): \($0)"
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(count): \(wrong.prefix(12).joined(separator: "\n"))")
        #expect(count == 240)
    }

    /// What differs between the cell and what happens.
    private static func difference(_ oracle: StateOracle, _ setting: Setting) -> [String] {
        var subject = Subject(setting)
        subject.bring(to: oracle.place)
        let before = subject.place
        let expectedBefore: Place = oracle.place == .listen ? .closed : oracle.place
        guard before == expectedBefore else { return ["could not be set up: \(before)"] }
        var template = subject.event(oracle)
        if oracle.place == .closed { template.destination.port = 81 }
        // An earlier challenge ACK must not keep this one back.
        subject.bench.now += 1_000_000
        let frame = template.frame
        let (events, reason) = subject.bench.receiveAndDeliver(frame)
        subject.bench.transmit()
        return oracle.outcome.differences(
            answers: subject.bench.sent, events: events, reason: reason, place: subject.place, to: template, subject)
    }
}

extension StateTableTests.Subject {
    /// The segment of a cell.
    mutating func event(_ oracle: StateOracle) -> SegmentTemplate {
        let window = right &- peerNext
        let start =
            switch oracle.position {
            case .leftOfWindow: peerNext &- 100
            case .leftEdge: peerNext
            case .inside: peerNext &+ 100
            case .rightEdge: peerNext &+ window
            case .outside: peerNext &+ window &+ 100
            }
        let acknowledgment =
            switch oracle.acknowledges {
            case .nothingNew: unacknowledged
            case .everything: sentNext
            case .unsent: sentNext &+ 1_000
            }
        let kind = oracle.kind
        let control =
            (kind.fin ? SegmentTemplate.fin : 0) | (kind.syn ? SegmentTemplate.syn : 0)
            | (kind.rst ? SegmentTemplate.rst : 0) | (kind.ack ? SegmentTemplate.ack : 0)
        return segment(control, at: start, ack: acknowledgment, count: kind.byteCount)
    }
}

extension StackTests.Bench {
    /// The events of a frame and of the delivery of what it carries, and why the connection ended if it did.
    mutating func receiveAndDeliver(_ frame: [UInt8]) -> (ConnectionEvents, CloseReason?) {
        // Safe: bytes have no padding.
        let span = unsafe frame.span.bytes
        let arrival = stack.receive(span, at: Instant(nanoseconds: now))
        var events = arrival.events
        if !arrival.payload.isEmpty {
            events.formUnion(stack.deliver(arrival, consumed: arrival.payload.count, frame: span))
        }
        return (events, arrival.reason ?? (events.contains(.closed) ? .finished : nil))
    }
}

extension StateOracle.Outcome {
    func differences(
        answers: [SegmentTemplate], events: ConnectionEvents, reason: CloseReason?, place: StateOracle.Place,
        to segment: SegmentTemplate, _ subject: borrowing StateTableTests.Subject
    ) -> [String] {
        var differences: [String] = []
        func expect<T: Equatable>(_ what: String, _ actual: T, _ expected: T) {
            if actual != expected { differences.append("\(what) is \(actual), expected \(expected)") }
        }
        let expectedPlace = self.place == .listen ? .closed : self.place
        expect("state", place, expectedPlace)
        expect("events", events, self.events)
        expect("reason", reason, self.reason)
        guard let answer = answers.first else {
            expect("answer", StateOracle.Answer.nothing, self.answer)
            return differences
        }
        expect("answers", answers.count, 1)
        let controls: [UInt8: StateOracle.Answer] = [
            16: .acknowledgment, 4: .reset, 20: .resetAcknowledgment, 18: .synchronizeAcknowledgment,
        ]
        expect("answer", controls[answer.control], self.answer)
        let length = UInt32(segment.payload.count) + UInt32(segment.control & 1) + UInt32(segment.control >> 1 & 1)
        switch self.answer {
        case .nothing: break
        case .acknowledgment:
            // In SYN_SENT the SYN,ACK is what is acknowledged.
            let isHandshake = events.contains(.established) && segment.control & SegmentTemplate.syn != 0
            let next = isHandshake ? segment.sequence &+ 1 : subject.peerNext &+ UInt32(received)
            expect("SEG.SEQ", answer.sequence, subject.sentNext)
            expect("SEG.ACK", answer.acknowledgment, next)
            let kinds = answer.optionList.map(\.0)
            let agreedTimestamps = subject.setting.hasTimestamps
            expect("timestamps", kinds.contains(8), agreedTimestamps)
            expect("SACK", kinds.contains(5), reports && subject.setting.hasSACK)
        case .reset: expect("SEG.SEQ", answer.sequence, segment.acknowledgment)
        case .resetAcknowledgment:
            expect("SEG.SEQ", answer.sequence, 0)
            expect("SEG.ACK", answer.acknowledgment, segment.sequence &+ length)
        case .synchronizeAcknowledgment: expect("SEG.ACK", answer.acknowledgment, segment.sequence &+ 1)
        }
        return differences
    }
}
