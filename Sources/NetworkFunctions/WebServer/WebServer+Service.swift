import HTTP1
public import NetworkFunction
public import TCPStack

extension WebServer: Service {
    public mutating func accepted(_ connection: inout Connection, peer: Endpoint, local: Endpoint) -> State {
        let now = connection.now.nanoseconds
        var state = State(lastActivity: now, phaseStarted: .max, peer: peer)
        openConnections &+= 1
        arm(now &+ idleTimeout, &connection, &state)
        return state
    }

    public mutating func received(_ bytes: RawSpan, on connection: inout Connection, state: inout State) -> Int {
        var used = 0
        while used < bytes.byteCount {
            let count: Int
            switch state.phase {
            case .head:
                guard hasRoom(state) else {
                    state.isStalled = true
                    counters.stalls &+= 1
                    return used
                }
                count = receiveHead(bytes.extracting(used..<bytes.byteCount), &connection, &state)
            case .body:
                count = receiveBody(bytes.extracting(used..<bytes.byteCount), &connection, &state)
            case .draining, .closed:
                return bytes.byteCount
            }
            if count == 0 { return used }
            used &+= count
            // Only what is taken counts: bytes that are dropped or left do not keep a connection alive.
            state.lastActivity = connection.now.nanoseconds
        }
        return used
    }

    public mutating func acknowledged(_ connection: inout Connection, state: inout State) {
        state.lastActivity = connection.now.nanoseconds
        releaseResponses(below: connection.acknowledged, &state)
        if state.isStalled {
            // Half of the room, so that a pipelining client is not resumed for every single response.
            if Int(state.responseCount) <= WebServerConfiguration.pipelineDepth / 2, hasRoom(state) {
                state.isStalled = false
                connection.resumeReceiving()
            }
        } else if state.responseCount == 0 {
            if state.phase == .draining {
                startLingering(&connection, &state)
            } else if state.peerFinished {
                drain(&connection, &state)
            }
        }
    }

    public mutating func peerFinished(_ connection: inout Connection, state: inout State) {
        state.peerFinished = true
        // With input left in the receive buffer, its requests are answered first: see `acknowledged`.
        if !state.isStalled, state.phase == .head || state.phase == .body {
            releaseRequest(&state)
            drain(&connection, &state)
        }
    }

    public mutating func closed(_ connection: Connection, state: inout State, reason: CloseReason) {
        releaseAll(&state)
        connectionEnded(connection.now.nanoseconds)
    }

    public mutating func timerFired(_ connection: inout Connection, state: inout State) {
        let now = connection.now.nanoseconds
        state.timer = .max
        log?.flushIfDue(now)
        guard let deadline = deadline(state) else { return }
        if now < deadline {
            arm(deadline, &connection, &state)
            return
        }
        counters.timeouts &+= 1
        switch state.phase {
        case .head where isWithinHead(state), .body:
            releaseRequest(&state)
            refuse(.requestTimeout, &connection, &state)
        case .head where state.responseCount == 0:
            // An idle connection is closed without a word.
            drain(&connection, &state)
        case .head, .draining:
            // The client takes nothing, or does not close.
            releaseAll(&state)
            connection.abort()
            connectionEnded(now)
        case .closed: break
        }
        if let next = self.deadline(state) { arm(next, &connection, &state) }
    }
}

extension WebServer {
    /// Whether one more request may be answered now: within the connection's depth, and a slot for it (with an interim
    /// response, two). A connection without responses finds one in the reserve, whatever the others hold.
    func hasRoom(_ state: State) -> Bool {
        if state.responseCount == 0 { return responses.freeCount >= 2 }
        return Int(state.responseCount) < WebServerConfiguration.pipelineDepth
            && responses.freeCount > reservedResponses &+ 1
    }

    /// With the last connection goes the last timer, so nothing is left to write the log later.
    mutating func connectionEnded(_ now: UInt64) {
        openConnections &-= 1
        if openConnections == 0 { log?.flush(now) } else { log?.flushIfDue(now) }
    }

    func isWithinHead(_ state: State) -> Bool { state.phase == .head && state.phaseStarted != .max }

    private func deadline(_ state: State) -> UInt64? {
        switch state.phase {
        case .head:
            let idle = state.lastActivity &+ idleTimeout
            return isWithinHead(state) ? min(idle, state.phaseStarted &+ headerTimeout) : idle
        case .body: return state.phaseStarted &+ bodyTimeout
        case .draining:
            return state.responseCount > 0
                ? state.lastActivity &+ idleTimeout : state.phaseStarted &+ WebServerConfiguration.lingerNanoseconds
        case .closed: return nil
        }
    }

    /// Makes sure the timer fires at `deadline` at the latest.
    func arm(_ deadline: UInt64, _ connection: inout Connection, _ state: inout State) {
        guard deadline < state.timer else { return }
        state.timer = deadline
        connection.setTimer(Instant(nanoseconds: deadline))
    }

    /// Ends our direction after what is promised, and waits for the client to end its own.
    func drain(_ connection: inout Connection, _ state: inout State) {
        guard state.phase != .closed else { return }
        state.phase = .draining
        connection.finish()
        if state.responseCount == 0 { startLingering(&connection, &state) }
    }

    private func startLingering(_ connection: inout Connection, _ state: inout State) {
        state.phaseStarted = connection.now.nanoseconds
        arm(state.phaseStarted &+ WebServerConfiguration.lingerNanoseconds, &connection, &state)
    }
}
