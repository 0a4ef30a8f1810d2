/// What happened to a connection.
@frozen public struct ConnectionEvents: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The handshake is complete; the first event of every connection.
    @inlinable public static var established: ConnectionEvents { ConnectionEvents(rawValue: 1) }
    /// In-order bytes are there: in the frame (`Arrival.payload`), in the receive buffer (`unread`), or both.
    @inlinable public static var readable: ConnectionEvents { ConnectionEvents(rawValue: 2) }
    /// SND.UNA moved over data: `acknowledged` grew.
    @inlinable public static var acknowledged: ConnectionEvents { ConnectionEvents(rawValue: 4) }
    /// FIN arrived in sequence: nothing follows the bytes that are unread now.
    @inlinable public static var peerFinished: ConnectionEvents { ConnectionEvents(rawValue: 8) }
    /// The connection is over; its ID is stale once the call that reports this (and its `deliver`) is done.
    @inlinable public static var closed: ConnectionEvents { ConnectionEvents(rawValue: 16) }
    /// The application's timer fired.
    @inlinable public static var timer: ConnectionEvents { ConnectionEvents(rawValue: 32) }
    /// The peer sent urgent data, or more of it (RFC 9293 §3.8.5): `urgentByteCount` says how much is not read.
    @inlinable public static var urgent: ConnectionEvents { ConnectionEvents(rawValue: 64) }
    /// Three retransmissions in a row stayed without an answer (R1 of RFC 9293 §3.8.3); the connection goes on.
    @inlinable public static var stalled: ConnectionEvents { ConnectionEvents(rawValue: 128) }
}

/// Why a connection ended.
public enum CloseReason: UInt8, Sendable, BitwiseCopyable {
    /// Both directions were finished and acknowledged.
    case finished
    /// The peer sent RST.
    case reset
    /// Retransmissions, probes or the handshake stayed without an answer.
    case timedOut
    /// This end gave up: `abort`, or a segment whose bytes the application could not produce.
    case aborted
    /// ICMP says that the peer cannot be reached.
    case unreachable
}

/// Something that happened without a segment: a timer, or a connection that timers ended.
@frozen public struct Event: Sendable, BitwiseCopyable {
    public let connection: ConnectionID
    public let events: ConnectionEvents
    /// Set with `.closed`.
    public let reason: CloseReason?

    @inlinable public init(connection: ConnectionID, events: ConnectionEvents, reason: CloseReason? = nil) {
        self.connection = connection
        self.events = events
        self.reason = reason
    }
}

/// What `Stack.receive` made of one frame.
@frozen public struct Arrival: Sendable {
    /// The connection the frame belongs to, if it is one whose handshake is complete.
    public var connection: ConnectionID?
    public var events: ConnectionEvents
    /// Where the next in-order bytes lie in the frame, trimmed to what is new and inside the window.
    /// When it is not empty, `Stack.deliver` must follow before any other call on the stack.
    public var payload: Range<Int>
    /// Why nothing came of the frame, or nil.
    public var drop: DropCause?
    /// Set with `.closed`.
    public var reason: CloseReason?
    /// FIN follows the last byte of `payload`; taken by `deliver`.
    @usableFromInline var carriesFIN = false

    @inlinable public init(
        connection: ConnectionID? = nil, events: ConnectionEvents = [], payload: Range<Int> = 0..<0,
        drop: DropCause? = nil, reason: CloseReason? = nil
    ) {
        self.connection = connection
        self.events = events
        self.payload = payload
        self.drop = drop
        self.reason = reason
    }
}
