import HTTP1
import NetworkFunction
import TCPStack

/// The responses of one connection, oldest first.
extension WebServer {
    /// Promises a response's bytes and keeps what is needed to write them.
    mutating func enqueue(_ response: Response, _ connection: inout Connection, _ state: inout State) {
        guard let index = responses.allocate(response) else {
            giveUp(response, &connection, &state)
            return
        }
        enqueue(slot: index, &connection, &state)
    }

    mutating func enqueue(slot index: UInt32, _ connection: inout Connection, _ state: inout State) {
        responses[index].start = connection.promised
        responses[index].headByteCount = UInt32(headByteCount(responses[index]))
        if state.last == Response.none {
            state.first = index
        } else {
            responses[state.last].next = index
        }
        state.last = index
        if state.cursor == Response.none { state.cursor = index }
        state.responseCount &+= 1
        connection.send(byteCount: Int(responses[index].byteCount))
    }

    /// Resets a connection for which no response slot is left; the reserve makes that a matter of more connections than
    /// were configured.
    mutating func giveUp(_ response: Response, _ connection: inout Connection, _ state: inout State) {
        counters.exhaustions &+= 1
        releaseResources(response)
        releaseAll(&state)
        connection.abort()
        connectionEnded(connection.now.nanoseconds)
    }

    mutating func releaseResponses(below offset: UInt64, _ state: inout State) {
        while state.first != Response.none {
            let index = state.first
            guard responses[index].end <= offset else { return }
            state.first = responses[index].next
            if state.cursor == index { state.cursor = state.first }
            if state.first == Response.none { state.last = Response.none }
            state.responseCount &-= 1
            free(index)
        }
    }

    private mutating func free(_ index: UInt32) {
        releaseResources(responses[index])
        responses.free(index)
    }

    private mutating func releaseResources(_ response: Response) {
        if response.entry != Response.none { cache.release(response.entry) }
        if response.auxiliary != Response.none {
            if response.content == .parts {
                parts.free(response.auxiliary)
            } else {
                querySlots.free(response.auxiliary)
            }
        }
    }

    /// Forgets a request that was begun.
    mutating func releaseRequest(_ state: inout State) {
        if state.pending != Response.none {
            free(state.pending)
            state.pending = Response.none
        }
        releaseHeadSlot(&state)
    }

    mutating func releaseHeadSlot(_ state: inout State) {
        if state.headSlot != Response.none {
            headSlots.free(state.headSlot)
            state.headSlot = Response.none
            state.buffered = 0
        }
    }

    /// Gives everything back; more calls than one do no harm.
    mutating func releaseAll(_ state: inout State) {
        releaseRequest(&state)
        while state.first != Response.none {
            let index = state.first
            state.first = responses[index].next
            free(index)
        }
        state.last = Response.none
        state.cursor = Response.none
        state.responseCount = 0
        state.phase = .closed
    }
}
