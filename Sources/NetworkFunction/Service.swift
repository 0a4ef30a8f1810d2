public import TCPStack

/// A connection-based network function: what an application does with TCP connections.
///
/// All callbacks run on the NF's one thread. They must not block and, after start, must not allocate.
/// A service that keeps the bytes it promised until they are acknowledged needs nothing else for loss recovery:
/// the stack asks for them again.
public protocol Service: ~Copyable {
    /// What the service keeps for each connection, in a fixed table.
    associatedtype State: BitwiseCopyable

    /// A client completed its handshake; returns the state to keep for the connection.
    mutating func accepted(_ connection: inout Connection, peer: Endpoint, local: Endpoint) -> State

    /// Bytes arrived in order. Returns how many were used. The rest stays in the receive buffer, narrows the window
    /// the peer sees, and is offered again when more arrives or after `resumeReceiving()`.
    mutating func received(_ bytes: RawSpan, on connection: inout Connection, state: inout State) -> Int

    /// Writes the bytes of the stream that start at `offset` into the whole of `payload`.
    /// The same range may be asked for again after a loss.
    /// - Returns: false when the bytes no longer exist (a file was truncated); the connection is then reset.
    mutating func produce(
        _ payload: inout MutableRawSpan, at offset: UInt64, on connection: inout Connection, state: inout State
    ) -> Bool

    /// The peer acknowledged everything below `connection.acknowledged`.
    mutating func acknowledged(_ connection: inout Connection, state: inout State)

    /// The peer sent FIN: no more bytes will be received. Call `finish()` to close the other direction.
    mutating func peerFinished(_ connection: inout Connection, state: inout State)

    /// The timer set with `setTimer` fired.
    mutating func timerFired(_ connection: inout Connection, state: inout State)

    /// The connection is gone, whoever ended it, unless the service itself called `abort()`.
    mutating func closed(_ connection: Connection, state: inout State, reason: CloseReason)

    /// Requests served so far, for `onvm status`; 0 for a service that has no requests.
    var requestCount: UInt64 { get }

    /// Lines of its log that nobody took, for `onvm status`.
    var droppedLogLineCount: UInt64 { get }

    /// The manager wants this NF to end: finish what is under way on the connection, then close it.
    mutating func drain(_ connection: inout Connection, state: inout State)
}

extension Service where Self: ~Copyable {
    public var requestCount: UInt64 { 0 }
    public var droppedLogLineCount: UInt64 { 0 }
    public mutating func acknowledged(_ connection: inout Connection, state: inout State) {}
    public mutating func timerFired(_ connection: inout Connection, state: inout State) {}
    public mutating func closed(_ connection: Connection, state: inout State, reason: CloseReason) {}
    public mutating func peerFinished(_ connection: inout Connection, state: inout State) { connection.finish() }
    public mutating func drain(_ connection: inout Connection, state: inout State) { connection.finish() }
}
