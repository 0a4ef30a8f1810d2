/// The latest rare events of one connection: a ring of sixteen, eight bytes each, that explains after the fact what
/// happened to it. What every segment does is not in it.
@frozen public struct ConnectionHistory: Sendable, BitwiseCopyable {
    /// What happened; the comment says what `Entry.argument` is.
    public enum Kind: UInt8, CaseIterable, Sendable, BitwiseCopyable {
        /// An open by this end: none. By the peer: its MSS, from its SYN or from the cookie that stood for it.
        case synSent, synReceived, synCookieAccepted
        /// The round trip of the handshake in microseconds.
        case established
        /// The peer's FIN, and ours: KiB that came before it.
        case finReceived, finSent
        /// RST from the peer: none. From this end: why (`ResetCause`).
        case resetReceived, resetSent
        /// How often in a row; bytes known to be lost; bytes in flight.
        case retransmissionTimeout, fastRecovery, tailLossProbe
        /// The congestion window in bytes, after it.
        case recoveryEnded, undone, congestionEcho
        /// The first packet marked by a router since the peer said that it slowed down: none.
        case congestionExperienced
        /// The first segment that came late: the reordering window in microseconds.
        case reorderingSeen
        /// The peer's window closed: bytes that wait; a probe of it, how often in a row; it opened: its bytes.
        case zeroWindow, windowProbe, windowOpened
        /// Our window closed: unread bytes. No memory for a segment: its bytes.
        case windowClosed, noReceiveRoom
        /// How often in a row.
        case keepaliveProbe
        /// Why the peer was asked where it stands: the raw value of the `DropCause`.
        case challengeAcknowledgment
        /// The path's new MTU: by ICMP, by probing, because nothing larger arrived.
        case pathMTUReduced, pathMTURaised, blackHole
        /// ICMP says that the peer cannot be reached, which is a hint only: none.
        case unreachable
        /// How long nothing was acknowledged, in milliseconds.
        case userTimeout
        /// TIME_WAIT began; a SYN ended it: none.
        case timeWait, reopened
        /// The raw value of the `CloseReason`.
        case closed
    }

    /// Why a connection was reset by this end.
    public enum ResetCause: UInt8, Sendable, BitwiseCopyable {
        case aborted, bytesUnavailable, unreadAtClose, dataAfterClose, timedOut, orphanLimit
    }

    @frozen public struct Entry: Sendable, BitwiseCopyable {
        public let kind: Kind
        /// At most 2^24 - 1, which stands for "that or more".
        public let argument: UInt32
        public let instant: Instant
    }

    public static var capacity: Int { 16 }

    /// Whose history it is; the connection itself may be gone.
    public let connection: ConnectionID
    public let peer: Endpoint
    public let local: Endpoint
    /// Events since the ring was taken, kept or not.
    public private(set) var total: UInt32 = 0
    /// When the oldest entry kept happened, and the latest.
    private var first: UInt64 = 0
    private var last: UInt64 = 0
    /// Kind in the upper eight bits, argument in the lower 24; and the time since the entry before, in microseconds or,
    /// with the highest bit set, in milliseconds.
    private var words = InlineArray<16, UInt32>(repeating: 0)
    private var elapsed = InlineArray<16, UInt32>(repeating: 0)

    init(_ connection: ConnectionID, peer: Endpoint, local: Endpoint) {
        self.connection = connection
        self.peer = peer
        self.local = local
    }

    /// Entries kept, and how many older ones gave way to them.
    public var count: Int { min(Int(total), Self.capacity) }
    public var overwrittenCount: Int { Int(total) - count }

    /// Entry 0 is the oldest one kept.
    public subscript(_ position: Int) -> Entry {
        precondition(position >= 0 && position < count, "no such entry")
        var time = first
        for earlier in 0..<position { time &+= Self.nanoseconds(elapsed[slot(earlier + 1)]) }
        let word = words[slot(position)]
        return Entry(
            kind: Kind(rawValue: UInt8(truncatingIfNeeded: word &>> 24)) ?? .closed, argument: word & 0xFF_FFFF,
            instant: Instant(nanoseconds: position == count - 1 ? last : time))
    }

    private func slot(_ position: Int) -> Int { (Int(total) - count + position) & (Self.capacity - 1) }

    mutating func append(_ kind: Kind, _ argument: UInt32, at now: Instant) {
        let isFull = count == Self.capacity
        // The second oldest becomes the oldest.
        if isFull { first &+= Self.nanoseconds(elapsed[slot(1)]) }
        if total == 0 { first = now.nanoseconds }
        let position = Int(total) & (Self.capacity - 1)
        words[position] = UInt32(kind.rawValue) &<< 24 | min(argument, 0xFF_FFFF)
        elapsed[position] = total == 0 ? 0 : Self.encode(now.nanoseconds &- last)
        last = now.nanoseconds
        total &+= 1
    }

    private static let millisecondsMark: UInt32 = 1 << 31

    private static func encode(_ nanoseconds: UInt64) -> UInt32 {
        let microseconds = nanoseconds / 1_000
        if microseconds < UInt64(millisecondsMark) { return UInt32(microseconds) }
        return UInt32(min(nanoseconds / 1_000_000, UInt64(millisecondsMark) - 1)) | millisecondsMark
    }

    private static func nanoseconds(_ encoded: UInt32) -> UInt64 {
        encoded & millisecondsMark == 0 ? UInt64(encoded) &* 1_000 : UInt64(encoded & ~millisecondsMark) &* 1_000_000
    }
}

extension ConnectionHistory: CustomStringConvertible {
    /// One line an entry: seconds since the oldest one, what happened, its argument.
    public var description: String {
        var text = overwrittenCount > 0 ? "(\(overwrittenCount) earlier)\n" : ""
        for position in 0..<count {
            let entry = self[position]
            let micro = (entry.instant.nanoseconds &- first) / 1_000
            let fraction = String(micro % 1_000_000)
            text += "\(micro / 1_000_000)." + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
            text += " \(entry.kind) \(entry.meaning)\n"
        }
        return text
    }
}

extension ConnectionHistory.Entry {
    /// The argument in words where it stands for something.
    public var meaning: String {
        let raw = UInt8(truncatingIfNeeded: argument)
        switch kind {
        case .resetSent: return ConnectionHistory.ResetCause(rawValue: raw).map { "\($0)" } ?? "\(argument)"
        case .closed: return CloseReason(rawValue: raw).map { "\($0)" } ?? "\(argument)"
        case .challengeAcknowledgment: return DropCause(rawValue: raw).map { "\($0)" } ?? "\(argument)"
        default: return "\(argument)"
        }
    }
}
