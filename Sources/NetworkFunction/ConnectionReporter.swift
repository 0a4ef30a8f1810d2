public import Handover
import PacketHeaders
public import TCPStack

/// Shows an NF's connections to who asks for them through the telemetry page (`onvm nf connections`): those heard of
/// latest, and the latest that ended. It costs one load before a sleep while nobody asks, and the walk over a large
/// table is spread over turns of the loop.
@usableFromInline struct ConnectionReporter {
    /// Table entries looked at in one turn.
    static var stride: Int { 2_048 }
    static var liveLimit: Int { 64 }
    static var endedLimit: Int { Telemetry.connectionCapacity - liveLimit }

    private struct Candidate: BitwiseCopyable {
        var connection: ConnectionID
        var idle: UInt64
    }

    private var answered: UInt64 = 0
    private var request: UInt64 = 0
    private var cursor = ConnectionCursor()
    private var candidates = InlineArray<64, Candidate>(
        repeating: Candidate(connection: ConnectionID(index: 0, generation: 0), idle: 0))
    private var count = 0
    @usableFromInline var isWalking = false

    @usableFromInline init() {}

    /// Starts the walk when there is a new request; returns whether it did.
    @discardableResult
    @usableFromInline mutating func look(_ telemetry: borrowing Telemetry) -> Bool {
        let wanted = telemetry.connectionRequest
        guard wanted != answered, !isWalking else { return false }
        request = wanted
        cursor = ConnectionCursor()
        count = 0
        isWalking = true
        return true
    }

    @usableFromInline mutating func advance(_ stack: borrowing Stack, _ telemetry: borrowing Telemetry) {
        var limit = Self.stride
        while let connection = stack.nextConnection(&cursor, limit: &limit) {
            if let info = stack.info(connection) { consider(Candidate(connection: connection, idle: info.idle)) }
        }
        // The cursor is at the start again after the end only.
        guard cursor.index == 0 || limit > 0 else { return }
        isWalking = false
        answered = request
        var position = 0
        for index in 0..<count {
            guard let info = stack.info(candidates[index].connection) else { continue }
            write(info, stack.history(of: info.connection), position, telemetry)
            position += 1
        }
        writeEnded(stack, &position, telemetry)
        telemetry.answerConnections(count: position, to: request)
    }

    /// Keeps the candidates in order, those heard of latest first.
    private mutating func consider(_ candidate: Candidate) {
        guard count < Self.liveLimit || candidate.idle < candidates[count - 1].idle else { return }
        if count < Self.liveLimit { count += 1 }
        var place = count - 1
        while place > 0, candidates[place - 1].idle > candidate.idle {
            candidates[place] = candidates[place - 1]
            place -= 1
        }
        candidates[place] = candidate
    }

    /// Histories of connections that are gone, those that ended latest first.
    private func writeEnded(_ stack: borrowing Stack, _ position: inout Int, _ telemetry: borrowing Telemetry) {
        var latest = InlineArray<32, (history: Int, time: UInt64)>(repeating: (0, 0))
        var count = 0
        for index in stack.histories {
            let history = stack.history(at: index)
            guard history.count > 0, stack.peer(of: history.connection) == nil else { continue }
            let time = history[history.count - 1].instant.nanoseconds
            guard count < Self.endedLimit || time > latest[count - 1].time else { continue }
            if count < Self.endedLimit { count += 1 }
            var place = count - 1
            while place > 0, latest[place - 1].time < time {
                latest[place] = latest[place - 1]
                place -= 1
            }
            latest[place] = (index, time)
        }
        for index in 0..<count {
            writeEnded(stack.history(at: latest[index].history), position, telemetry)
            position += 1
        }
    }

    private func writeEnded(_ history: ConnectionHistory, _ position: Int, _ telemetry: borrowing Telemetry) {
        for field in ConnectionField.allCases { telemetry.set(field, ofRecord: position, to: 0) }
        write(history.connection, history.peer, history.local, position, telemetry)
        telemetry.set(.state, ofRecord: position, to: UInt64(TCPVocabulary.states.count - 1))
        write(history, position, telemetry)
    }

    private func write(
        _ connection: ConnectionID, _ peer: Endpoint, _ local: Endpoint, _ position: Int,
        _ telemetry: borrowing Telemetry
    ) {
        func set(_ field: ConnectionField, _ value: UInt64) { telemetry.set(field, ofRecord: position, to: value) }
        set(.index, UInt64(connection.index))
        set(.generation, UInt64(connection.generation))
        set(.peerHigh, peer.address.high)
        set(.peerLow, peer.address.low)
        set(.peerPort, UInt64(peer.port))
        set(.localHigh, local.address.high)
        set(.localLow, local.address.low)
        set(.localPort, UInt64(local.port))
    }

    private func write(_ history: ConnectionHistory, _ position: Int, _ telemetry: borrowing Telemetry) {
        telemetry.set(.eventCount, ofRecord: position, to: UInt64(history.total))
        telemetry.set(.eventsKept, ofRecord: position, to: UInt64(history.count))
        for event in 0..<history.count {
            let entry = history[event]
            telemetry.setEvent(
                event, ofRecord: position, instant: entry.instant.nanoseconds, kind: entry.kind.rawValue,
                argument: entry.argument)
        }
    }

    private func write(
        _ info: ConnectionInfo, _ history: ConnectionHistory?, _ position: Int, _ telemetry: borrowing Telemetry
    ) {
        write(info.connection, info.peer, info.local, position, telemetry)
        func set(_ field: ConnectionField, _ value: some BinaryInteger) {
            telemetry.set(field, ofRecord: position, to: UInt64(value))
        }
        set(.state, info.state.rawValue)
        set(.recovery, info.recovery.rawValue)
        set(.options, info.options.rawValue)
        set(.timers, info.timers.rawValue)
        set(.age, info.age)
        set(.idle, info.idle)
        set(.smoothedRoundTrip, info.smoothedRoundTrip)
        set(.roundTripVariance, info.roundTripVariance)
        set(.minimumRoundTrip, info.minimumRoundTrip)
        set(.retransmissionTimeout, info.retransmissionTimeout)
        set(.congestionWindow, info.congestionWindow)
        set(.slowStartThreshold, info.slowStartThreshold)
        set(.maximumSegmentSize, info.maximumSegmentSize)
        set(.pathMTU, info.pathMTU)
        set(.sendWindow, info.sendWindow)
        set(.receiveWindow, info.receiveWindow)
        set(.bytesInFlight, info.bytesInFlight)
        set(.bytesSacked, info.bytesSacked)
        set(.bytesLost, info.bytesLost)
        set(.bytesUnread, info.bytesUnread)
        set(.bytesUnsent, info.bytesUnsent)
        set(.bytesPromised, info.bytesPromised)
        set(.bytesSent, info.bytesSent)
        set(.bytesAcknowledged, info.bytesAcknowledged)
        set(.bytesReceived, info.bytesReceived)
        set(.segmentsSent, info.segmentsSent)
        set(.segmentsReceived, info.segmentsReceived)
        set(.retransmittedSegments, info.retransmittedSegments)
        set(.duplicateReports, info.duplicateReports)
        set(.spuriousRecoveries, info.spuriousRecoveries)
        set(.timeouts, info.timeouts)
        set(.recoveries, info.recoveries)
        set(.hasSeenReordering, info.hasSeenReordering ? 1 : 0)
        set(.backoff, info.backoff)
        if let history {
            write(history, position, telemetry)
        } else {
            set(.eventCount, 0)
            set(.eventsKept, 0)
        }
    }
}
