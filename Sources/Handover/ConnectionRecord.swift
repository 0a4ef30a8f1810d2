/// A word of one connection's record in the telemetry page. Durations are in nanoseconds, windows in bytes.
///
/// The NF writes whatever it likes: any word is a valid number, and who reads a code or a count of entries checks it.
public enum ConnectionField: Int, CaseIterable, Sendable {
    // Which one: the dense index, and the generation that tells it from others with that index.
    case index, generation
    // Addresses as two words in network order in memory, IPv4 in its mapped form (RFC 4291 §2.5.5.2).
    case peerHigh, peerLow, peerPort, localHigh, localLow, localPort
    // Codes of `TCPVocabulary`; the options and timers are sets of bits.
    case state, recovery, options, timers
    case age, idle
    case smoothedRoundTrip, roundTripVariance, minimumRoundTrip, retransmissionTimeout
    case congestionWindow, slowStartThreshold, maximumSegmentSize, pathMTU, sendWindow, receiveWindow
    case bytesInFlight, bytesSacked, bytesLost, bytesUnread, bytesUnsent
    case bytesPromised, bytesSent, bytesAcknowledged, bytesReceived
    case segmentsSent, segmentsReceived, retransmittedSegments
    case duplicateReports, spuriousRecoveries, timeouts, recoveries, hasSeenReordering, backoff
    // Events ever, and those that follow.
    case eventCount, eventsKept

    /// The numbers to show as they are.
    public static let numbers: [ConnectionField] = Array(allCases[age.rawValue...backoff.rawValue])
}

/// One connection of an NF, as its record says.
public struct ConnectionRecord: Equatable, Sendable {
    public static let eventCapacity = 16
    /// 48 words of fields, and an instant and a kind with its argument for each event.
    static let wordCount = 48 + 2 * eventCapacity

    private var words: [UInt64]

    public init() { words = [UInt64](repeating: 0, count: Self.wordCount) }

    init(words: [UInt64]) {
        precondition(words.count == Self.wordCount)
        self.words = words
    }

    public subscript(_ field: ConnectionField) -> UInt64 {
        get { words[field.rawValue] }
        set { words[field.rawValue] = newValue }
    }

    public struct Event: Equatable, Sendable {
        /// CLOCK_MONOTONIC, in nanoseconds.
        public var instant: UInt64
        /// A code of `TCPVocabulary.events`.
        public var kind: UInt64
        public var argument: UInt64

        public init(instant: UInt64, kind: UInt64, argument: UInt64) {
            self.instant = instant
            self.kind = kind
            self.argument = argument
        }
    }

    /// The latest events, the oldest first; no more than there is room for, whatever the record claims.
    public var events: [Event] {
        let kept = Int(min(self[.eventsKept], UInt64(Self.eventCapacity)))
        return (0..<kept).map { position in
            let word = words[49 + 2 * position]
            return Event(instant: words[48 + 2 * position], kind: word >> 32, argument: word & 0xFFFF_FFFF)
        }
    }
}

/// The connections an NF showed in answer to a request.
public struct ConnectionSnapshot: Equatable, Sendable {
    /// How often the NF was asked, and the request it answered last.
    public var requested: UInt64
    public var answered: UInt64
    public var records: [ConnectionRecord]

    public init(requested: UInt64, answered: UInt64, records: [ConnectionRecord]) {
        self.requested = requested
        self.answered = answered
        self.records = records
    }
}

// After the page of counters: a record of 640 bytes for each connection shown, 64 KiB in all. No page of it exists
// before somebody asks.
extension Telemetry {
    public static let connectionCapacity = 96
    static let recordsOffset = 512
    private static let requestWord = 256
    private static let answerWord = 257
    private static let countWord = 258

    /// Asks the NF for its connections; it looks at this at least once a second, and when it is woken.
    public func requestConnections() { add(1, toWord: Self.requestWord) }

    @inlinable public var connectionRequest: UInt64 { loadAcquiring(256) }

    /// Where the record at `position` starts.
    static func word(ofRecord position: Int) -> Int {
        precondition((0..<connectionCapacity).contains(position), "no such record")
        return recordsOffset + position * ConnectionRecord.wordCount
    }

    public func set(_ field: ConnectionField, ofRecord position: Int, to value: UInt64) {
        store(value, inWord: Self.word(ofRecord: position) + field.rawValue)
    }

    public func setEvent(_ event: Int, ofRecord position: Int, instant: UInt64, kind: UInt8, argument: UInt32) {
        precondition((0..<ConnectionRecord.eventCapacity).contains(event), "no such event")
        let word = Self.word(ofRecord: position) + 48 + 2 * event
        store(instant, inWord: word)
        store(UInt64(kind) << 32 | UInt64(argument), inWord: word + 1)
    }

    /// The records up to `count` are what `request` asked for.
    public func answerConnections(count: Int, to request: UInt64) {
        store(UInt64(count), inWord: Self.countWord)
        storeReleasing(request, inWord: Self.answerWord)
    }

    /// A copy of what the NF answered last. One that is written meanwhile, or by a hostile NF, holds numbers without a
    /// meaning, and no more records than there are.
    public var connections: ConnectionSnapshot {
        let answered = loadAcquiring(Self.answerWord)
        let count = answered == 0 ? 0 : Int(min(load(Self.countWord), UInt64(Self.connectionCapacity)))
        var records: [ConnectionRecord] = []
        for position in 0..<count {
            let start = Self.word(ofRecord: position)
            var words: [UInt64] = []
            for word in start..<start + ConnectionRecord.wordCount { words.append(load(word)) }
            records.append(ConnectionRecord(words: words))
        }
        return ConnectionSnapshot(requested: load(Self.requestWord), answered: answered, records: records)
    }
}

// What the stack counts: one word for each of `TCPVocabulary.counters` and `TCPVocabulary.drops`.
extension Telemetry {
    private static let counterWord = 128
    private static let dropWord = 192

    public func setCounter(_ position: Int, to value: UInt64) {
        precondition((0..<64).contains(position), "no such counter")
        store(value, inWord: Self.counterWord + position)
    }

    public func setDrop(_ position: Int, to value: UInt64) {
        precondition((0..<64).contains(position), "no such cause")
        store(value, inWord: Self.dropWord + position)
    }

    public func counter(_ position: Int) -> UInt64 { load(Self.counterWord + position) }
    public func drop(_ position: Int) -> UInt64 { load(Self.dropWord + position) }
}
