public import Linux

/// Asks the zygote for one NF process. The NF's end of its own channel travels with the message.
public struct SpawnRequest: Equatable, Sendable {
    /// Chosen by the manager; comes back in the answer.
    public var token: UInt64
    /// The process's own user and group ID.
    public var userID: UInt32
    /// The CPU to run on, or -1 for any.
    public var cpu: Int32

    public init(token: UInt64, userID: UInt32, cpu: Int32 = -1) {
        self.token = token
        self.userID = userID
        self.cpu = cpu
    }
}

/// What the zygote tells the manager.
public enum ZygoteReport: Sendable, Equatable {
    /// A process was forked. `pidfd` (pidfd_open(2)) belongs to the receiver.
    case spawned(token: UInt64, pid: Int32, pidfd: CInt)
    /// A process ended with this wait status (wait(2)).
    case exited(pid: Int32, status: Int32)
    case spawnFailed(token: UInt64, errno: Int32)
}

/// The manager's end of the channel to `onvm-nf`.
public struct ZygoteClient: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    /// - Parameter channel: The NF's end of a `SequencedSocket.pair()`; the caller closes its copy afterwards.
    public func spawn(_ request: SpawnRequest, channel: borrowing SequencedSocket) throws(Errno) {
        var writer = MessageWriter(kind: .spawn)
        writer.append(request.token)
        writer.append(request.userID)
        writer.append(request.cpu)
        try socket.send(writer.bytes, descriptors: [channel.descriptor.rawValue])
    }

    /// The next report, or nil when none is waiting.
    /// - Throws: `.peerGone` when the zygote ended.
    public func nextReport() throws(HandoverError) -> ZygoteReport? {
        guard var message = try socket.receiveIfAny() else { return nil }
        var reader = MessageReader(message.bytes)
        switch try reader.kind() {
        case .spawned:
            let token: UInt64 = try reader.integer()
            let pid: Int32 = try reader.integer()
            guard let pidfd = message.takeDescriptor() else { throw .missingDescriptor("pidfd") }
            return .spawned(token: token, pid: pid, pidfd: pidfd)
        case .exited:
            return .exited(pid: try reader.integer(), status: try reader.integer())
        case .spawnFailed:
            return .spawnFailed(token: try reader.integer(), errno: try reader.integer())
        case let kind:
            throw .unexpectedMessage("\(kind)")
        }
    }
}

/// The zygote's end.
public struct ZygoteServer: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    /// Waits for the next request; nil when the manager is gone. The NF's channel belongs to the receiver.
    public func nextRequest() throws(HandoverError) -> (SpawnRequest, channel: CInt)? {
        guard var message = try socket.receiveIfAny(waits: true, endIsNil: true) else { return nil }
        var reader = MessageReader(message.bytes)
        guard try reader.kind() == .spawn else { throw .unexpectedMessage("not a spawn request") }
        let request = SpawnRequest(
            token: try reader.integer(), userID: try reader.integer(), cpu: try reader.integer())
        guard let channel = message.takeDescriptor() else { throw .missingDescriptor("channel") }
        return (request, channel)
    }

    public func reportSpawned(token: UInt64, pid: Int32, pidfd: CInt) throws(Errno) {
        var writer = MessageWriter(kind: .spawned)
        writer.append(token)
        writer.append(pid)
        try socket.send(writer.bytes, descriptors: [pidfd], waits: true)
    }

    public func reportExited(pid: Int32, status: Int32) throws(Errno) {
        var writer = MessageWriter(kind: .exited)
        writer.append(pid)
        writer.append(status)
        try socket.send(writer.bytes, waits: true)
    }

    public func reportSpawnFailed(token: UInt64, errno: Int32) throws(Errno) {
        var writer = MessageWriter(kind: .spawnFailed)
        writer.append(token)
        writer.append(errno)
        try socket.send(writer.bytes, waits: true)
    }
}

extension SequencedSocket {
    /// The next message. Nil when none waits (or, with `endIsNil`, at the end of the stream).
    func receiveIfAny(
        limit: Int = 64 * 1024, descriptorLimit: Int = 16, waits: Bool = false, endIsNil: Bool = false
    ) throws(HandoverError) -> ReceivedMessage? {
        let message: ReceivedMessage?
        do {
            message = try receive(limit: limit, descriptorLimit: descriptorLimit, waits: waits)
        } catch {
            switch error {
            case .wouldBlock: return nil
            case .connectionReset: throw .peerGone
            case .messageSize: throw .oversized
            default: throw .system(error, "recvmsg")
            }
        }
        guard let message else {
            if endIsNil { return nil }
            throw .peerGone
        }
        return message
    }
}
