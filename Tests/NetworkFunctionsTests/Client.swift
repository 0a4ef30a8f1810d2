import PacketHeaders
import TCPStack

@testable import NetworkFunction
@testable import NetworkFunctions

/// A generator with a seed, so that a failing test can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

/// One client of a server: plays the worker's part for one connection and keeps what the server did.
struct Client: ~Copyable {
    var server: WebServer
    var state: WebServer.State
    var now: UInt64 = 1_000_000_000
    var promised: UInt64 = 0
    var acknowledged: UInt64 = 0
    /// Everything produced so far.
    var output: [UInt8] = []
    var unread: [UInt8] = []
    var finished = false
    var aborted = false
    var timer: UInt64?
    var produceFailed = false
    var segmentByteCount = 1448

    static var peer: Endpoint { Endpoint(address: Address(ipv4: UInt32(0x0200_4D0A)), port: 40_000) }

    init(_ server: consuming WebServer) {
        self.server = server
        var connection = Connection(index: 0, now: Instant(nanoseconds: now), promised: 0, acknowledged: 0)
        state = self.server.accepted(&connection, peer: Self.peer, local: Self.peer)
        timer = connection.timer?.nanoseconds
    }

    mutating func connect() {
        promised = 0
        acknowledged = 0
        output = []
        unread = []
        finished = false
        aborted = false
        produceFailed = false
        call { server, connection, state in
            state = server.accepted(&connection, peer: Self.peer, local: Self.peer)
        }
    }

    /// Makes one callback and applies what it asked for.
    mutating func call(_ body: (inout WebServer, inout Connection, inout WebServer.State) -> Void) {
        var connection = Connection(
            index: 0, now: Instant(nanoseconds: now), promised: promised, acknowledged: acknowledged)
        body(&server, &connection, &state)
        precondition(connection.promised == promised || !finished, "bytes promised after finish")
        promised = connection.promised
        if connection.requests.contains(.finish) { finished = true }
        if connection.requests.contains(.abort) { aborted = true }
        if connection.requests.contains(.setTimer) { timer = connection.timer?.nanoseconds }
        if connection.requests.contains(.resume) { offer() }
    }

    mutating func offer() {
        guard !unread.isEmpty, !aborted else { return }
        var used = 0
        let bytes = unread
        call { server, connection, state in
            used = unsafe server.received(bytes.span.bytes, on: &connection, state: &state)
        }
        precondition(used <= bytes.count)
        unread.removeFirst(used)
    }

    mutating func send(_ bytes: [UInt8]) {
        unread += bytes
        offer()
    }

    mutating func send(_ text: String) { send(Array(text.utf8)) }

    /// Produces what is promised, in segments.
    mutating func produce() {
        while UInt64(output.count) < promised, !aborted {
            let count = min(segmentByteCount, Int(promised) - output.count)
            guard let segment = segment(at: UInt64(output.count), count) else { return }
            output += segment
        }
    }

    mutating func segment(at offset: UInt64, _ count: Int) -> [UInt8]? {
        var segment = [UInt8](repeating: 0xEE, count: count)
        var succeeded = false
        call { server, connection, state in
            var bytes = segment.mutableSpan
            var raw = unsafe bytes.mutableBytes
            succeeded = server.produce(&raw, at: offset, on: &connection, state: &state)
        }
        if !succeeded {
            produceFailed = true
            aborted = true
            return nil
        }
        return segment
    }

    mutating func acknowledge(_ offset: UInt64? = nil) {
        acknowledged = offset ?? UInt64(output.count)
        call { server, connection, state in server.acknowledged(&connection, state: &state) }
    }

    /// Sends and takes everything that comes back.
    mutating func exchange(_ text: String) -> String {
        let start = output.count
        send(text)
        repeat {
            produce()
            acknowledge()
        } while UInt64(output.count) < promised && !aborted
        return String(decoding: output[start...], as: UTF8.self)
    }

    mutating func finishSending() {
        call { server, connection, state in server.peerFinished(&connection, state: &state) }
    }

    mutating func close() {
        call { server, connection, state in server.closed(connection, state: &state, reason: .finished) }
    }

    /// Lets time pass, firing the timer when it is due.
    mutating func wait(milliseconds: UInt64) {
        let end = now + milliseconds * 1_000_000
        while let due = timer, due <= end, !aborted {
            now = max(now, due)
            timer = nil
            call { server, connection, state in server.timerFired(&connection, state: &state) }
        }
        now = end
    }
}
