public import Linux
public import XSK

/// Everything an NF needs to start, as its manager decided it. Its descriptors travel with it.
public struct Grant: Equatable, Sendable {
    /// Which NF to run, as in the topology's `nf:`.
    public var function: String
    /// The service's name, for messages.
    public var service: String
    public var slot: UInt32
    public var layout: UMEMLayout
    /// Largest IP packet in bytes.
    public var mtu: UInt32
    public var features: Features
    /// `key=value` lines: the service's options and one `listen=ADDRESS:PORT` line an endpoint.
    public var configuration: String

    /// What the host gives; probed by the manager.
    public struct Features: OptionSet, Equatable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The port is virtual: a peer's TCP checksum may be partial.
        public static let virtualPort = Features(rawValue: 1)
        /// The socket takes and gives frames of several descriptors (`XDP_USE_SG`).
        public static let multiBuffer = Features(rawValue: 2)
        /// The UMEM has room for TX metadata and the kernel fills in checksums.
        public static let checksumOffload = Features(rawValue: 4)
    }

    public init(
        function: String, service: String, slot: UInt32, layout: UMEMLayout, mtu: UInt32, features: Features,
        configuration: String
    ) {
        self.function = function
        self.service = service
        self.slot = slot
        self.layout = layout
        self.mtu = mtu
        self.features = features
        self.configuration = configuration
    }
}

/// The descriptors of a `Grant`; borrowed by the sender, owned by the receiver.
public struct GrantDescriptors: Equatable, Sendable {
    public var xsk: CInt
    public var umem: CInt
    public var telemetry: CInt
    /// The directory the service reads, opened O_PATH | O_DIRECTORY, or -1.
    public var root: CInt
    /// The pipe an access log goes into, or -1.
    public var log: CInt
    /// The TAP device that frames leave by, or -1: they leave by the socket.
    public var tap: CInt
    /// The pipe that is the NF's standard error, or -1: it keeps the one it has.
    public var errors: CInt

    public init(
        xsk: CInt, umem: CInt, telemetry: CInt, root: CInt = -1, log: CInt = -1, tap: CInt = -1, errors: CInt = -1
    ) {
        self.xsk = xsk
        self.umem = umem
        self.telemetry = telemetry
        self.root = root
        self.log = log
        self.tap = tap
        self.errors = errors
    }
}

/// What an NF tells its manager.
public enum NFReport: Equatable, Sendable {
    /// Rings are mapped, the FILL ring is full, the sandbox is on: bind the socket.
    case ready
    /// It cannot run; the text says why.
    case failed(String)
}

/// What a manager tells a running NF.
public enum NFCommand: Equatable, Sendable {
    /// The socket is bound; frames may come.
    case run
    /// Accept no new connection; exit when the last one ended.
    case drain
    /// Wake up: the telemetry page has a request.
    case look
}

/// The manager's end of the channel to one NF.
public struct NFChannel: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    public func grant(_ grant: Grant, descriptors: GrantDescriptors) throws(Errno) {
        var writer = MessageWriter(kind: .grant)
        writer.append(grant.function)
        writer.append(grant.service)
        writer.append(grant.slot)
        writer.append(grant.layout.chunkByteCount)
        writer.append(grant.layout.receiveChunks)
        writer.append(grant.layout.transmitChunks)
        writer.append(grant.layout.chunksPerTransmitFrame)
        writer.append(grant.layout.transmitMetadataByteCount)
        writer.append(grant.mtu)
        writer.append(grant.features.rawValue)
        writer.append(grant.configuration)
        var present: UInt8 = 0
        var list = [descriptors.xsk, descriptors.umem, descriptors.telemetry]
        if descriptors.root >= 0 {
            present |= 1
            list.append(descriptors.root)
        }
        if descriptors.log >= 0 {
            present |= 2
            list.append(descriptors.log)
        }
        if descriptors.tap >= 0 {
            present |= 4
            list.append(descriptors.tap)
        }
        if descriptors.errors >= 0 {
            present |= 8
            list.append(descriptors.errors)
        }
        writer.append(present)
        try socket.send(writer.bytes, descriptors: list)
    }

    public func send(_ command: NFCommand) throws(Errno) {
        let kind: MessageKind =
            switch command {
            case .run: .run
            case .drain: .drain
            case .look: .look
            }
        try socket.send(MessageWriter(kind: kind).bytes)
    }

    /// The next report, or nil when none is waiting.
    /// - Throws: `.peerGone` when the NF ended.
    public func nextReport() throws(HandoverError) -> NFReport? {
        // Nothing that an NF says is longer, or has descriptors: those never become ours, even for a moment.
        guard let message = try socket.receiveIfAny(limit: 4_096, descriptorLimit: 0) else { return nil }
        var reader = MessageReader(message.bytes)
        switch try reader.kind() {
        case .ready: return .ready
        case .failed: return .failed(try reader.text())
        case let kind: throw .unexpectedMessage("\(kind)")
        }
    }
}

/// The NF's end.
public struct NFEnd: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    /// Waits for the grant. The descriptors belong to the receiver.
    public func receiveGrant() throws(HandoverError) -> (Grant, GrantDescriptors) {
        guard var message = try socket.receiveIfAny(waits: true) else { throw .peerGone }
        var reader = MessageReader(message.bytes)
        guard try reader.kind() == .grant else { throw .unexpectedMessage("not a grant") }
        let grant = Grant(
            function: try reader.text(), service: try reader.text(), slot: try reader.integer(),
            layout: UMEMLayout(
                chunkByteCount: try reader.integer(), receiveChunks: try reader.integer(),
                transmitChunks: try reader.integer(), chunksPerTransmitFrame: try reader.integer(),
                transmitMetadataByteCount: try reader.integer()),
            mtu: try reader.integer(), features: Grant.Features(rawValue: try reader.integer()),
            configuration: try reader.text())
        let present: UInt8 = try reader.integer()
        guard message.descriptorCount == 3 + (present & 15).nonzeroBitCount else {
            throw .missingDescriptor("XSK, UMEM, telemetry, root, log, TAP or errors")
        }
        var descriptors = GrantDescriptors(xsk: -1, umem: -1, telemetry: -1)
        descriptors.xsk = message.takeDescriptor() ?? -1
        descriptors.umem = message.takeDescriptor() ?? -1
        descriptors.telemetry = message.takeDescriptor() ?? -1
        if present & 1 != 0 { descriptors.root = message.takeDescriptor() ?? -1 }
        if present & 2 != 0 { descriptors.log = message.takeDescriptor() ?? -1 }
        if present & 4 != 0 { descriptors.tap = message.takeDescriptor() ?? -1 }
        if present & 8 != 0 { descriptors.errors = message.takeDescriptor() ?? -1 }
        return (grant, descriptors)
    }

    public func reportReady() throws(Errno) { try socket.send(MessageWriter(kind: .ready).bytes, waits: true) }

    public func reportFailure(_ text: String) {
        var writer = MessageWriter(kind: .failed)
        writer.append(text)
        // The manager also sees the exit status; a lost text is only a lost text.
        try? socket.send(writer.bytes)
    }

    /// The next command; nil when none waits.
    /// - Throws: `.peerGone` when the manager ended.
    public func nextCommand(waits: Bool = false) throws(HandoverError) -> NFCommand? {
        guard let message = try socket.receiveIfAny(waits: waits) else { return nil }
        var reader = MessageReader(message.bytes)
        switch try reader.kind() {
        case .run: return .run
        case .drain: return .drain
        case .look: return .look
        case let kind: throw .unexpectedMessage("\(kind)")
        }
    }
}
