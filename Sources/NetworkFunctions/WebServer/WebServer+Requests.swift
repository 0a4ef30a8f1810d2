import HTTP1
import NetworkFunction
import TCPStack

/// From bytes to requests.
extension WebServer {
    /// Takes bytes that belong to a head. Returns how many; 0 if there is no slot to keep an incomplete one in, and the
    /// bytes have to stay where they are.
    mutating func receiveHead(_ bytes: RawSpan, _ connection: inout Connection, _ state: inout State) -> Int {
        if state.headSlot != Response.none { return continueHead(bytes, &connection, &state) }
        var head = RequestHead()
        switch HeadParser.parse(bytes, limits: limits, into: &head) {
        case .complete:
            state.phaseStarted = .max
            take(head, bytes, &connection, &state)
            return head.byteCount
        case .invalid(let status):
            reject(status, head, bytes, &connection, &state)
            return bytes.byteCount
        case .incomplete:
            // Empty lines, which some clients send after a body, begin no request (RFC 9112 §2.2).
            if isEmptyLines(bytes) { return bytes.byteCount }
            if state.phaseStarted == .max {
                state.phaseStarted = connection.now.nanoseconds
                arm(state.phaseStarted &+ headerTimeout, &connection, &state)
            }
            guard let slot = headSlots.allocate() else { return 0 }
            var writer = heads.writer(slot)
            writer.append(bytes)
            assert(!writer.overflowed, "the parser's limits bound an incomplete head")
            state.headSlot = slot
            state.buffered = UInt32(truncatingIfNeeded: bytes.byteCount)
            return bytes.byteCount
        }
    }

    /// Appends to a head that is kept in a slot, and parses it again if a line may have been completed.
    private mutating func continueHead(
        _ bytes: RawSpan, _ connection: inout Connection, _ state: inout State
    ) -> Int {
        let slot = state.headSlot
        let before = Int(state.buffered)
        let copied = min(bytes.byteCount, heads.slotByteCount &- before)
        var writer = heads.writer(slot, from: before)
        writer.append(bytes.extracting(0..<copied))
        state.buffered &+= UInt32(truncatingIfNeeded: copied)
        let isFull = Int(state.buffered) == heads.slotByteCount
        guard isFull || containsLineFeed(bytes.extracting(0..<copied)) else { return copied }

        var head = RequestHead()
        let result = HeadParser.parse(heads.bytes(slot, 0..<Int(state.buffered)), limits: limits, into: &head)
        switch result {
        case .incomplete:
            return copied
        case .complete:
            state.phaseStarted = .max
            // The slot is free for others only after the head in it was answered.
            state.headSlot = Response.none
            state.buffered = 0
            takeBuffered(head, slot, &connection, &state)
            headSlots.free(slot)
            return head.byteCount &- before
        case .invalid(let status):
            state.headSlot = Response.none
            state.buffered = 0
            rejectBuffered(status, head, slot, &connection, &state)
            headSlots.free(slot)
            return bytes.byteCount
        }
    }

    private func isEmptyLines(_ bytes: RawSpan) -> Bool {
        for index in 0..<bytes.byteCount where bytes.octet(unchecked: index) != (index & 1 == 0 ? 0x0D : 0x0A) {
            return false
        }
        return bytes.byteCount & 1 == 0
    }

    private func containsLineFeed(_ bytes: RawSpan) -> Bool {
        for index in 0..<bytes.byteCount where bytes.octet(unchecked: index) == 0x0A { return true }
        return false
    }

    /// Answers a request whose head is complete, at once or when its body has been read.
    mutating func take(
        _ head: RequestHead, _ bytes: RawSpan, _ connection: inout Connection, _ state: inout State
    ) {
        counters.requests &+= 1
        state.requestCount &+= 1
        let now = connection.now.nanoseconds
        // Passed along and changed in place: a value this size that is copied right after its fields were written waits
        // for the stores each time.
        var response = Response(.ok)
        answer(head, bytes, now, &response)
        response.isHead = head.method == .head
        response.date = clock.seconds(at: now)
        let isLast = keepAliveRequests > 0 && state.requestCount >= keepAliveRequests
        let closes = !head.isPersistent || isLast || Self.endsConnection(response.status)
        if closes {
            response.persistence = .close
        } else if head.version == .http10 {
            response.persistence = .keepAlive
        }
        note(head, bytes, response, &connection, &state)
        guard head.hasBody, !Self.endsConnection(response.status) else {
            enqueue(response, &connection, &state)
            if closes { drain(&connection, &state) }
            return
        }
        takeBody(head, response, closes, &connection, &state)
    }

    private mutating func takeBody(
        _ head: RequestHead, _ response: Response, _ closes: Bool, _ connection: inout Connection,
        _ state: inout State
    ) {
        var response = response
        if head.flags.contains(.expectsContinue), head.version == .http11 {
            if response.status.isError {
                // The client waits for a go-ahead, and may send the body or not: only closing is unambiguous
                // (RFC 9110 §10.1.1).
                response.persistence = .close
                enqueue(response, &connection, &state)
                drain(&connection, &state)
                return
            }
            enqueue(Response(.continue, .interim), &connection, &state)
        }
        guard let pending = responses.allocate(response) else {
            giveUp(response, &connection, &state)
            return
        }
        state.pending = pending
        state.closesAfterBody = closes
        state.isChunked = head.flags.contains(.chunked)
        state.chunked = ChunkedDecoder()
        state.bodyRemaining = head.contentLength
        state.phase = .body
        state.phaseStarted = connection.now.nanoseconds
        arm(state.phaseStarted &+ bodyTimeout, &connection, &state)
    }

    /// Drops body bytes; returns how many it took.
    mutating func receiveBody(_ bytes: RawSpan, _ connection: inout Connection, _ state: inout State) -> Int {
        guard state.isChunked else {
            let taken = Int(min(state.bodyRemaining, UInt64(bytes.byteCount)))
            state.bodyRemaining &-= UInt64(taken)
            if state.bodyRemaining == 0 { finishBody(&connection, &state) }
            return taken
        }
        var position = 0
        let outcome = state.chunked.decode(bytes, at: &position)
        if outcome == .invalid || state.chunked.byteCount > maximumBodyByteCount {
            releaseRequest(&state)
            refuse(outcome == .invalid ? .badRequest : .contentTooLarge, &connection, &state)
            return bytes.byteCount
        }
        if outcome == .complete { finishBody(&connection, &state) }
        return position
    }

    private mutating func finishBody(_ connection: inout Connection, _ state: inout State) {
        let pending = state.pending
        state.pending = Response.none
        state.phase = .head
        state.phaseStarted = .max
        enqueue(slot: pending, &connection, &state)
        if state.closesAfterBody { drain(&connection, &state) }
    }

    /// Answers what is no request and closes.
    private mutating func reject(
        _ status: Status, _ head: RequestHead, _ bytes: RawSpan, _ connection: inout Connection,
        _ state: inout State
    ) {
        counters.requests &+= 1
        refuse(status, head, bytes, &connection, &state)
    }

    /// After these the framing of what follows is unknown or unwanted.
    static func endsConnection(_ status: Status) -> Bool {
        switch status {
        case .badRequest, .requestTimeout, .lengthRequired, .contentTooLarge, .uriTooLong,
            .requestHeaderFieldsTooLarge, .expectationFailed, .versionNotSupported:
            true
        default: false
        }
    }

    /// A line in the access log, if there is one; the connection's timer sees to it that it is written soon.
    private mutating func note(
        _ head: RequestHead, _ bytes: RawSpan, _ response: Response, _ connection: inout Connection,
        _ state: inout State
    ) {
        guard log != nil else { return }
        log?.append(state.peer.address, response.date, head, bytes, response, connection.now.nanoseconds)
        arm(log?.deadline ?? .max, &connection, &state)
    }

    mutating func refuse(_ status: Status, _ connection: inout Connection, _ state: inout State) {
        refuse(status, RequestHead(), RawSpan(), &connection, &state)
    }

    private mutating func refuse(
        _ status: Status, _ head: RequestHead, _ bytes: RawSpan, _ connection: inout Connection, _ state: inout State
    ) {
        var response = Response(status)
        response.isHead = head.method == .head
        response.persistence = .close
        response.date = clock.seconds(at: connection.now.nanoseconds)
        setStatusContent(&response)
        count(status)
        note(head, bytes, response, &connection, &state)
        enqueue(response, &connection, &state)
        drain(&connection, &state)
    }

    private mutating func takeBuffered(
        _ head: RequestHead, _ slot: UInt32, _ connection: inout Connection, _ state: inout State
    ) {
        // The mapping of `heads` does not move or change while the head is answered: only `continueHead` writes to it.
        let bytes = heads.unownedBytes(slot, 0..<head.byteCount)
        take(head, bytes, &connection, &state)
    }

    private mutating func rejectBuffered(
        _ status: Status, _ head: RequestHead, _ slot: UInt32, _ connection: inout Connection, _ state: inout State
    ) {
        let bytes = heads.unownedBytes(slot, 0..<heads.slotByteCount)
        reject(status, head, bytes, &connection, &state)
    }
}
