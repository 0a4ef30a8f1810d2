public import Linux

/// Asks the zygote for one NF process. The NF's end of its own channel travels with the message.
public struct SpawnRequest: Equatable, Sendable {
    /// Chosen by the manager; comes back in the answer.
    public var token: UInt64
    /// The process's own user and group ID.
    public var userID: UInt32
    /// The CPU to run on, or -1 for any.
    public var cpu: Int32
    /// Its nice value (setpriority(2)), which is its weight among NFs.
    public var niceness: Int32
    /// The first of the control groups that come with it is a directory (version 2); the others are `tasks` files (version 1).
    public var hasUnifiedGroup: Bool

    public init(token: UInt64, userID: UInt32, cpu: Int32 = -1, niceness: Int32 = 0, hasUnifiedGroup: Bool = false) {
        self.token = token
        self.userID = userID
        self.cpu = cpu
        self.niceness = niceness
        self.hasUnifiedGroup = hasUnifiedGroup
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

    /// - Parameters:
    ///   - channel: The NF's end of a `SequencedSocket.pair()`; the caller closes its copy afterwards.
    ///   - groups: The control groups that the process is to be in from its first instruction on.
    public func spawn(
        _ request: SpawnRequest, channel: borrowing SequencedSocket, groups: [CInt] = []
    ) throws(Errno) {
        var writer = MessageWriter(kind: .spawn)
        writer.append(request.token)
        writer.append(request.userID)
        writer.append(request.cpu)
        writer.append(request.niceness)
        writer.append(request.hasUnifiedGroup ? 1 as UInt8 : 0)
        try socket.send(writer.bytes, descriptors: [channel.descriptor.rawValue] + groups)
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

    /// Waits for the next request; nil when the manager is gone. The NF's channel and groups belong to the receiver.
    public func nextRequest() throws(HandoverError) -> (SpawnRequest, channel: CInt, groups: [CInt])? {
        guard var message = try socket.receiveIfAny(waits: true, endIsNil: true) else { return nil }
        var reader = MessageReader(message.bytes)
        guard try reader.kind() == .spawn else { throw .unexpectedMessage("not a spawn request") }
        let request = SpawnRequest(
            token: try reader.integer(), userID: try reader.integer(), cpu: try reader.integer(),
            niceness: try reader.integer(), hasUnifiedGroup: try reader.integer() as UInt8 != 0)
        guard let channel = message.takeDescriptor() else { throw .missingDescriptor("channel") }
        var groups: [CInt] = []
        while let group = message.takeDescriptor() { groups.append(group) }
        return (request, channel, groups)
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
