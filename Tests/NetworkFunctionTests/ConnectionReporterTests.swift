import Handover
import PacketHeaders
import TCPStack
import Testing

@testable import NetworkFunction

/// What an NF shows of its connections, and the names the manager has for it.
@Suite struct ConnectionReporterTests {
    private static let server = Endpoint(address: WorkerOptionsTests.address, port: 80)
    private static let path = LinkPath(destination: 1, source: 2)

    private static func makeStack(capacity: Int = 8_192) -> Stack {
        var configuration = Configuration(secret: (1, 2))
        configuration.connectionCapacity = capacity
        return Stack(configuration)
    }

    private static func open(_ stack: inout Stack, _ port: UInt16, at nanoseconds: UInt64) -> ConnectionID? {
        stack.connect(
            to: server, from: Endpoint(address: WorkerOptionsTests.otherAddress, port: port), by: path,
            at: Instant(nanoseconds: nanoseconds))
    }

    @Test func nobodyAskedNothingIsWritten() throws {
        let telemetry = try Telemetry(mapping: Telemetry.createMemory())
        var reporter = ConnectionReporter()
        reporter.look(telemetry)
        let isWalking = reporter.isWalking
        let snapshot = telemetry.connections
        #expect(!isWalking && snapshot == ConnectionSnapshot(requested: 0, answered: 0, records: []))
    }

    @Test func aRequestIsAnsweredOnceWithTheConnectionsHeardOfLatest() throws {
        let telemetry = try Telemetry(mapping: Telemetry.createMemory())
        var stack = Self.makeStack()
        var reporter = ConnectionReporter()
        for number in 0..<5_000 as Range<UInt64> {
            let id = Self.open(&stack, UInt16(1_000 + number), at: 1_000_000_000 + number * 1_000_000)
            try #require(id != nil)
        }
        telemetry.requestConnections()
        reporter.look(telemetry)
        var turns = 0
        while reporter.isWalking {
            let before = telemetry.connections
            #expect(before.answered == 0, "answered before the walk was over")
            reporter.advance(stack, telemetry)
            turns += 1
        }
        let snapshot = telemetry.connections
        #expect(turns == 3, "the walk over 5,000 entries took \(turns) turns")
        #expect(snapshot.requested == 1 && snapshot.answered == 1 && snapshot.records.count == 64)
        let expected = (0..<64).map { UInt64(5_999 - $0) }
        #expect(snapshot.records.map { $0[.localPort] } == expected)
        let first = try #require(snapshot.records.first)
        #expect(TCPVocabulary.name(first[.state], in: TCPVocabulary.states) == "synSent")
        #expect(TCPVocabulary.names(first[.options], in: TCPVocabulary.options).contains("active"))
        #expect(first[.peerLow] == Self.server.address.low && first[.peerPort] == 80)
        reporter.look(telemetry)
        let walksAgain = reporter.isWalking
        #expect(!walksAgain, "a request is answered twice")
    }

    @Test func whatHappenedToAConnectionIsShownAfterItsEnd() throws {
        let telemetry = try Telemetry(mapping: Telemetry.createMemory())
        var stack = Self.makeStack()
        var reporter = ConnectionReporter()
        let opened = Self.open(&stack, 1_000, at: 1_000_000_000)
        let id = try #require(opened)
        stack.abort(id)
        telemetry.requestConnections()
        reporter.look(telemetry)
        while reporter.isWalking { reporter.advance(stack, telemetry) }
        let record = try #require(telemetry.connections.records.first)
        #expect(TCPVocabulary.name(record[.state], in: TCPVocabulary.states) == "ended")
        #expect(record[.localPort] == 1_000 && record[.eventCount] == UInt64(record.events.count))
        let names = record.events.map { TCPVocabulary.name($0.kind, in: TCPVocabulary.events) }
        #expect(names.first == "synSent", "\(names)")
        #expect(record.events.first?.instant == 1_000_000_000)
    }

    /// The codes in the page are the stack's; the manager only has these lists.
    @Test func theVocabularyIsTheStacks() {
        #expect(TCPVocabulary.counters == Counter.allCases.map { "\($0)" })
        #expect(TCPVocabulary.drops == DropCause.allCases.map { "\($0)" })
        #expect(TCPVocabulary.events == ConnectionHistory.Kind.allCases.map { "\($0)" })
        #expect(TCPVocabulary.states == Self.names(State.init(rawValue:)) + ["ended"])
        #expect(TCPVocabulary.recoveryPhases == Self.names(RecoveryPhase.init(rawValue:)))
        #expect(TCPVocabulary.resetCauses == Self.names(ConnectionHistory.ResetCause.init(rawValue:)))
        #expect(TCPVocabulary.closeReasons == Self.names(CloseReason.init(rawValue:)))
        let options: [NegotiatedOptions] = [
            .timestamps, .selectiveAcknowledgment, .windowScale, .congestionNotification, .nagle, .active,
        ]
        #expect(options.map(\.rawValue) == TCPVocabulary.options.indices.map { 1 << UInt8($0) })
        let timers: [ArmedTimers] = [
            .retransmission, .tailLossProbe, .persist, .handshake, .reordering, .delayedAcknowledgment, .keepalive,
            .state, .application,
        ]
        #expect(timers.map(\.rawValue) == TCPVocabulary.timers.indices.map { 1 << UInt16($0) })
        #expect(ConnectionField.allCases.count <= 48, "the fields of a record run into its events")
        #expect(ConnectionHistory.capacity == ConnectionRecord.eventCapacity)
    }

    private static func names<Code>(_ code: (UInt8) -> Code?) -> [String] {
        (0...UInt8.max).compactMap { code($0).map { "\($0)" } }
    }
}
