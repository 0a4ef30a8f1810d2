/// Connections of one NF: those heard of latest, then the latest that ended. It is the NF's word: an NF that was taken
/// over may say anything.
public struct ConnectionList: Codable, Equatable, Sendable {
    public var slot: UInt32
    /// How often the NF was asked, and the request it answered last; less while it has not answered.
    public var requested: UInt64
    public var answered: UInt64
    public var connections: [ConnectionStatus]

    public init(slot: UInt32, requested: UInt64, answered: UInt64, connections: [ConnectionStatus]) {
        self.slot = slot
        self.requested = requested
        self.answered = answered
        self.connections = connections
    }
}

/// One connection, as `ss -ti` would show it.
public struct ConnectionStatus: Codable, Equatable, Sendable {
    /// Names it within its NF: `INDEX.GENERATION`.
    public var id: String
    public var peer: String
    public var local: String
    /// Of RFC 9293 §3.3.2, or `ended`.
    public var state: String
    /// `open`, `fast` or `timeout`: whether losses are being repaired.
    public var recovery: String
    /// What both ends agreed on.
    public var options: [String]
    /// The timers that run.
    public var timers: [String]
    /// Everything else, durations in nanoseconds.
    public var values: [String: UInt64]
    /// How many rare events it has had; the latest of them follow, the oldest first.
    public var eventCount: UInt64
    public var events: [ConnectionEvent]

    public init(
        id: String, peer: String, local: String, state: String, recovery: String, options: [String], timers: [String],
        values: [String: UInt64], eventCount: UInt64, events: [ConnectionEvent]
    ) {
        self.id = id
        self.peer = peer
        self.local = local
        self.state = state
        self.recovery = recovery
        self.options = options
        self.timers = timers
        self.values = values
        self.eventCount = eventCount
        self.events = events
    }
}

/// Something rare that happened to a connection.
public struct ConnectionEvent: Codable, Equatable, Sendable {
    /// CLOCK_MONOTONIC, in nanoseconds.
    public var instant: UInt64
    public var event: String
    public var argument: UInt64
    /// What the argument stands for, where it is no number.
    public var meaning: String?

    public init(instant: UInt64, event: String, argument: UInt64, meaning: String?) {
        self.instant = instant
        self.event = event
        self.argument = argument
        self.meaning = meaning
    }
}
