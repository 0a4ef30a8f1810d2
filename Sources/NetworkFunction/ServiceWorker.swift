public import Handover
public import Linux
public import TCPStack

/// Runs one connection-based NF: socket, TCP stack and service, on the calling thread, until told to stop.
///
/// One turn: take a burst of frames through the stack to the service, run timers, send what became ready in one kick,
/// and sleep in poll(2) when nothing is left. No step allocates, locks or waits but the last.
public struct ServiceWorker<S: Service & ~Copyable>: ~Copyable {
    @usableFromInline var service: S
    @usableFromInline var stack: Stack
    @usableFromInline var port: XSKPort
    /// Where frames leave, unless it is by the socket.
    @usableFromInline var tap: TapPort
    @usableFromInline var table: ConnectionTable<S.State>
    @usableFromInline let telemetry: Telemetry
    @usableFromInline var now: Instant
    @usableFromInline var linkIsDown = false
    @usableFromInline var reporter = ConnectionReporter()

    public init(
        service: consuming S, stack: consuming Stack, port: consuming XSKPort, tap: consuming TapPort = TapPort(owning: -1),
        telemetry: consuming Telemetry, connectionCapacity: Int
    ) throws(Errno) {
        table = try ConnectionTable(capacity: connectionCapacity)
        self.service = service
        self.stack = stack
        self.port = port
        self.tap = tap
        self.telemetry = telemetry
        now = .current
    }

    /// The AF_XDP socket.
    @inlinable public var socketDescriptor: CInt { port.rawDescriptor }

    // MARK: Receiving

    /// Takes one burst of frames in; returns how many descriptors it took.
    @inlinable public mutating func receive() -> UInt32 {
        let count = port.available()
        var offset: UInt32 = 0
        while offset < count {
            guard let received = port.frame(at: offset, of: count) else { break }
            offset &+= received.descriptors
            guard let base = unsafe received.base else { continue }
            // Safe: the bytes are in the UMEM or the assembly buffer and stay until `release` below.
            let frame = unsafe UnsafeRawBufferPointer(start: base, count: received.byteCount).bytes
            // Safe: as above; nil has no bytes.
            let facts = unsafe UnsafeRawBufferPointer(
                start: received.metadata, count: received.metadata == nil ? 0 : Stack.factsByteCount
            ).bytes
            handle(frame, facts)
            telemetry.add(1, to: .rxPackets)
            telemetry.add(UInt64(received.byteCount), to: .rxBytes)
        }
        if offset > 0 { port.release(offset) }
        return offset
    }

    @inlinable mutating func handle(_ frame: RawSpan, _ facts: RawSpan) {
        let arrival = stack.receive(frame, facts: facts, at: now)
        guard let id = arrival.connection else { return }
        telemetry[.lastActivity] = now.nanoseconds
        var connection = connection(id)
        if arrival.events.contains(.established) { accept(id, &connection) }
        let isKnown = table.contains(id)
        if isKnown, arrival.events.contains(.acknowledged) {
            unsafe service.acknowledged(&connection, state: &table.pointer(id).pointee)
        }
        var events = arrival.events
        if !arrival.payload.isEmpty {
            var consumed = 0
            if isKnown {
                consumed = unsafe service.received(
                    frame.extracting(arrival.payload), on: &connection, state: &table.pointer(id).pointee)
            }
            events.formUnion(stack.deliver(arrival, consumed: consumed, frame: frame))
        }
        apply(&connection, id)
        if events.contains(.readable), arrival.payload.isEmpty || stack.unreadByteCount(id) > 0 { offerUnread(id) }
        settle(id, events, arrival.reason)
    }

    @inlinable mutating func accept(_ id: ConnectionID, _ connection: inout Connection) {
        guard let peer = stack.peer(of: id), let local = stack.local(of: id) else { return }
        table.insert(service.accepted(&connection, peer: peer, local: local), for: id)
        telemetry.add(1, to: .accepted)
    }

    /// Offers buffered bytes until the service stops taking them.
    @inlinable mutating func offerUnread(_ id: ConnectionID) {
        while table.contains(id), stack.unreadByteCount(id) > 0 {
            var connection = connection(id)
            let used = unsafe service.received(
                stack.unread(id), on: &connection, state: &table.pointer(id).pointee)
            stack.consume(id, used)
            connection.requests.remove(.resume)
            apply(&connection, id)
            if used == 0 { return }
        }
    }

    /// What comes after the bytes: FIN, then the end.
    @inlinable mutating func settle(_ id: ConnectionID, _ events: ConnectionEvents, _ reason: CloseReason?) {
        guard table.contains(id) else { return }
        if events.contains(.peerFinished) {
            var connection = connection(id)
            unsafe service.peerFinished(&connection, state: &table.pointer(id).pointee)
            apply(&connection, id)
        }
        if events.contains(.closed) { end(id, reason ?? .finished) }
    }

    @inlinable mutating func end(_ id: ConnectionID, _ reason: CloseReason) {
        guard table.contains(id) else { return }
        let connection = connection(id)
        unsafe service.closed(connection, state: &table.pointer(id).pointee, reason: reason)
        forget(id)
    }

    @inlinable mutating func forget(_ id: ConnectionID) {
        table.remove(id)
        telemetry.add(1, to: .closed)
    }

    @inlinable func connection(_ id: ConnectionID) -> Connection {
        Connection(
            index: id.index, now: now, promised: stack.promised(id), acknowledged: stack.acknowledged(id))
    }

    /// Does what the service asked for during a callback.
    @inlinable mutating func apply(_ connection: inout Connection, _ id: ConnectionID) {
        if connection.newlyPromised > 0 { stack.send(id, byteCount: connection.newlyPromised) }
        let requests = connection.requests
        guard !requests.isEmpty else { return }
        if requests.contains(.abort) {
            stack.abort(id)
            if table.contains(id) { forget(id) }
            return
        }
        if requests.contains(.finish) { stack.finish(id) }
        if requests.contains(.setTimer) { stack.setTimer(id, at: connection.timer) }
        if requests.contains(.resume) {
            connection.requests = []
            offerUnread(id)
        }
    }

    // MARK: Timers

    @inlinable public mutating func runTimers() {
        while let event = stack.nextEvent(at: now) {
            guard table.contains(event.connection) else { continue }
            if event.events.contains(.timer) {
                var connection = connection(event.connection)
                unsafe service.timerFired(&connection, state: &table.pointer(event.connection).pointee)
                apply(&connection, event.connection)
            }
            settle(event.connection, event.events, event.reason)
        }
    }

    // MARK: Draining

    /// Asks the service to close every connection when its work is done.
    @inlinable public mutating func drain() {
        for index in 0..<table.highWater {
            guard let id = table.connection(at: index) else { continue }
            var connection = connection(id)
            unsafe service.drain(&connection, state: &table.pointer(id).pointee)
            apply(&connection, id)
        }
    }
}
