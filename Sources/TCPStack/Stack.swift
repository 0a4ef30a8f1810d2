/// A sans-IO TCP for one thread: frames and the time come in as arguments, frames and the next deadline go out.
///
/// One round of its driver is: for each frame `receive`, then `deliver` if bytes came, with calls of the application in
/// between; then `nextEvent` until nil; then `nextSegment` until nil, each followed by `seal` (or `fail`).
public struct Stack: ~Copyable {
    private let configuration: Configuration
    public private(set) var counters = Counters()

    /// Reserves all memory the stack will ever use; pages are touched as connections need them.
    public init(_ configuration: Configuration) { self.configuration = configuration }

    /// Accepts connections to `endpoint`; the address `::` is any. False when the table is full.
    public mutating func listen(on endpoint: Endpoint) -> Bool { false }

    /// Opens a connection (RFC 9293 §3.10.1); `.established` or `.closed` follows. Nil when the table is full or the
    /// pair of endpoints is in use.
    public mutating func connect(
        to peer: Endpoint, from local: Endpoint, by path: LinkPath, at now: Instant
    ) -> ConnectionID? { nil }

    /// Takes one Ethernet frame.
    public mutating func receive(_ frame: RawSpan, at now: Instant) -> Arrival { Arrival() }

    /// Must follow an `Arrival` with payload: the application used its first `consumed` bytes, the stack keeps the
    /// rest, or leaves what it has no room for to be sent again.
    /// - Returns: what became true by it: `readable` when buffered bytes follow now (ask `unread`), `peerFinished`, and
    ///   `closed` (reason `finished`).
    public mutating func deliver(_ arrival: Arrival, consumed: Int, frame: RawSpan) -> ConnectionEvents { [] }

    /// In-order bytes that wait in the receive buffer.
    public func unreadByteCount(_ connection: ConnectionID) -> Int { 0 }

    /// All in-order bytes that wait in the receive buffer, in one run.
    @_lifetime(borrow self)
    public func unread(_ connection: ConnectionID) -> RawSpan { RawSpan() }

    /// Forgets the first `byteCount` unread bytes; the window opens again.
    public mutating func consume(_ connection: ConnectionID, _ byteCount: Int) {}

    /// Promises `byteCount` more bytes. `nextSegment` asks for them, once or again, until they are acknowledged.
    public mutating func send(_ connection: ConnectionID, byteCount: Int) {}

    /// Sends FIN after the last promised byte; bytes are still received.
    public mutating func finish(_ connection: ConnectionID) {}

    /// Sends RST; the connection is gone and no event follows.
    public mutating func abort(_ connection: ConnectionID) {}

    /// Bytes promised so far: the stream offset of the next one.
    public func promised(_ connection: ConnectionID) -> UInt64 { 0 }

    /// Bytes the peer acknowledged.
    public func acknowledged(_ connection: ConnectionID) -> UInt64 { 0 }

    /// Sets the one application timer of the connection, or cancels it. It fires once, as `Event` with `.timer`.
    public mutating func setTimer(_ connection: ConnectionID, at deadline: Instant?) {}

    public func peer(of connection: ConnectionID) -> Endpoint? { nil }
    public func local(of connection: ConnectionID) -> Endpoint? { nil }
    public func information(_ connection: ConnectionID) -> ConnectionInformation? { nil }
    /// Connections in any state.
    public var connectionCount: Int { 0 }

    /// When `nextEvent` has something to do at the latest; nil when only a segment or the application can cause work.
    /// It may be a little early, never late.
    public var nextDeadline: Instant? { nil }

    /// Runs timers that are due; call it until nil before `nextSegment`.
    public mutating func nextEvent(at now: Instant) -> Event? { nil }

    /// Writes the headers of the next segment that may be sent now; call it until nil.
    /// The caller fills `segment.payload` with the stream's bytes from `segment.streamOffset` and calls `seal`.
    public mutating func nextSegment(into frame: inout MutableRawSpan, at now: Instant) -> Segment? { nil }

    /// Completes the checksum of a segment whose payload is in place.
    public mutating func seal(_ segment: Segment, _ frame: inout MutableRawSpan) {}

    /// The application has no such bytes any more: the connection is reset. The frame must not be sent.
    public mutating func fail(_ segment: Segment) {}
}
