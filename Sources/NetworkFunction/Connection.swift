public import TCPStack

/// What a `Service` may know and ask of one TCP connection during a callback.
///
/// It is a value: requests made on it take effect when the callback returns, so a service never reaches into the stack.
public struct Connection {
    /// A dense index, `0..<capacity`; reused only after `closed`.
    public let index: UInt32
    /// When the burst that led to this callback arrived.
    public let now: Instant
    /// Bytes promised to the peer so far; the stream offset at which the next `send` starts.
    public internal(set) var promised: UInt64
    /// Bytes the peer acknowledged; a service may forget what lies below.
    public internal(set) var acknowledged: UInt64

    @usableFromInline internal var newlyPromised: Int = 0
    @usableFromInline internal var requests: Requests = []
    @usableFromInline internal var timer: Instant?

    @usableFromInline internal struct Requests: OptionSet, Sendable {
        @usableFromInline let rawValue: UInt8
        @usableFromInline init(rawValue: UInt8) { self.rawValue = rawValue }
        @usableFromInline static let finish = Requests(rawValue: 1)
        @usableFromInline static let abort = Requests(rawValue: 2)
        @usableFromInline static let setTimer = Requests(rawValue: 4)
        @usableFromInline static let resume = Requests(rawValue: 8)
    }

    public init(index: UInt32, now: Instant, promised: UInt64, acknowledged: UInt64) {
        self.index = index
        self.now = now
        self.promised = promised
        self.acknowledged = acknowledged
    }

    /// Promises `byteCount` more bytes. They are asked for by `produce`, once or (after a loss) more often,
    /// until the peer acknowledges them.
    public mutating func send(byteCount: Int) {
        newlyPromised += byteCount
        promised += UInt64(byteCount)
    }

    /// Sends FIN after the last promised byte (RFC 9293 §3.6); data is still received.
    public mutating func finish() { requests.insert(.finish) }

    /// Resets the connection now. `closed` is not called for it again.
    public mutating func abort() { requests.insert(.abort) }

    /// Calls `timerFired` once at `deadline`; nil cancels. There is one timer a connection.
    public mutating func setTimer(_ deadline: Instant?) {
        timer = deadline
        requests.insert(.setTimer)
    }

    /// Offers the unread bytes to `received` again, after a call that left some.
    public mutating func resumeReceiving() { requests.insert(.resume) }
}
