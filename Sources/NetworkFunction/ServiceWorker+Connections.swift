public import TCPStack

// For who drives a worker itself: connections it opens, and what is known of any.
extension ServiceWorker where S: ~Copyable {
    /// Opens a connection (RFC 9293 §3.10.1) at the time of the last turn. `accepted` is called once the peer
    /// answered; when it refuses or never does, `exists` becomes false and no callback is made.
    /// - Returns: nil when the table is full or the pair of endpoints is in use.
    public mutating func connect(to peer: Endpoint, from local: Endpoint, by path: LinkPath) -> ConnectionID? {
        stack.connect(to: peer, from: local, by: path, at: now)
    }

    /// Whether the connection is there, in any state.
    public func exists(_ connection: ConnectionID) -> Bool { stack.peer(of: connection) != nil }

    public func info(_ connection: ConnectionID) -> ConnectionInfo? { stack.info(connection) }

    public var connectionCount: Int { stack.connectionCount }
    public var counters: Counters { stack.counters }
}
