import Glibc
import NetworkFunction
import PacketHeaders
import TCPStack

/// Plays a role on each connection and prints a line of JSON when it ended.
struct PeerService: ~Copyable, Service {
    struct State: BitwiseCopyable {
        var role: Int
        var peerPort: UInt16
        var localPort: UInt16
        var acceptedAt: UInt64
        var received: UInt64 = 0
        var mismatch = UInt64.max
        var requested: UInt64 = 0
        var reports = false
        /// A slow reader's: the peer sent FIN, and bytes were offered since the last tick.
        var peerFinished = false
        var wasOffered = true
    }

    private static var slowInterval: UInt64 { 10_000_000 }

    private let content: Content
    /// The role of connections to a local port.
    private let served: [UInt16: Int]
    /// The role of connections this end opened.
    private let opened: Int?
    private let roles: [Role]
    private(set) var endedCount = 0

    /// - Parameter serving: Ports to be connected to, and the role there.
    init(content: Content, serving: [(port: UInt16, role: Role)], opening: Role?) {
        self.content = content
        roles = serving.map(\.role) + (opening.map { [$0] } ?? [])
        served = Dictionary(uniqueKeysWithValues: serving.indices.map { (serving[$0].port, $0) })
        opened = opening == nil ? nil : serving.count
    }

    mutating func accepted(_ connection: inout Connection, peer: Endpoint, local: Endpoint) -> State {
        guard let role = served[local.port] ?? opened else { preconditionFailure("port \(local.port) has no role") }
        if case .push(let byteCount) = roles[role] {
            connection.send(byteCount: byteCount)
            connection.finish()
        }
        return State(
            role: role, peerPort: peer.port, localPort: local.port, acceptedAt: connection.now.nanoseconds)
    }

    mutating func received(_ bytes: RawSpan, on connection: inout Connection, state: inout State) -> Int {
        switch roles[state.role] {
        case .sink, .push: take(bytes, &state)
        case .source: takeRequest(bytes, on: &connection, &state)
        case .echo:
            take(bytes, &state)
            connection.send(byteCount: bytes.byteCount)
        case .idle: return 0
        case .slow(let limit):
            state.wasOffered = true
            guard state.requested <= connection.now.nanoseconds else { return 0 }
            let count = min(limit, bytes.byteCount)
            take(bytes.extracting(0..<count), &state)
            tick(&connection, &state)
            return count
        }
        return bytes.byteCount
    }

    private func take(_ bytes: RawSpan, _ state: inout State) {
        if state.mismatch == .max, let offset = content.mismatch(bytes, at: state.received) { state.mismatch = offset }
        state.received += UInt64(bytes.byteCount)
    }

    private func takeRequest(_ bytes: RawSpan, on connection: inout Connection, _ state: inout State) {
        for index in 0..<bytes.byteCount {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            state.received += 1
            if byte == UInt8(ascii: "\n") {
                connection.send(byteCount: Int(state.requested))
                connection.finish()
            } else if (0x30...0x39).contains(byte) {
                state.requested = state.requested &* 10 &+ UInt64(byte &- 0x30)
            }
        }
    }

    mutating func timerFired(_ connection: inout Connection, state: inout State) {
        if state.peerFinished && !state.wasOffered {
            report(on: &connection, &state)
        } else {
            state.wasOffered = false
            tick(&connection, &state)
            state.requested = 0
            connection.resumeReceiving()
        }
    }

    private func tick(_ connection: inout Connection, _ state: inout State) {
        state.requested = connection.now.nanoseconds &+ Self.slowInterval
        connection.setTimer(Instant(nanoseconds: state.requested))
    }

    private func report(on connection: inout Connection, _ state: inout State) {
        state.reports = true
        connection.send(byteCount: Report.byteCount)
        connection.finish()
    }

    mutating func produce(
        _ payload: inout MutableRawSpan, at offset: UInt64, on connection: inout Connection, state: inout State
    ) -> Bool {
        if state.reports {
            Report(received: state.received, mismatch: state.mismatch).fill(&payload, at: offset)
        } else {
            content.fill(&payload, at: offset)
        }
        return true
    }

    mutating func peerFinished(_ connection: inout Connection, state: inout State) {
        switch roles[state.role] {
        case .sink: report(on: &connection, &state)
        case .slow:
            // Bytes may wait still: the tick that finds none is the one that reports.
            state.peerFinished = true
            tick(&connection, &state)
        case .source, .push, .echo, .idle: connection.finish()
        }
    }

    mutating func closed(_ connection: Connection, state: inout State, reason: CloseReason) {
        endedCount += 1
        let mismatch = state.mismatch == .max ? "null" : "\(state.mismatch)"
        let milliseconds = (connection.now.nanoseconds &- state.acceptedAt) / 1_000_000
        say(
            """
            {"role": "\(roles[state.role].name)", "peer_port": \(state.peerPort), "local_port": \(state.localPort), \
            "received": \(state.received), "mismatch": \(mismatch), "promised": \(connection.promised), \
            "acknowledged": \(connection.acknowledged), "reason": "\(reason)", "milliseconds": \(milliseconds)}
            """)
    }
}
