public import Linux

/// What the lines of a log writer's output are.
public enum LogForm: UInt8, Equatable, Sendable {
    /// Lines of an access log in a file; whose they are stands at their end.
    case access = 1
    /// What NFs write to their standard error; the time and whose it is stand before it.
    case errors
}

/// What a log writer is started with.
public struct LogStart: Equatable, Sendable {
    /// The option of `onvm-nf` that makes it a log writer; the descriptor of its channel follows.
    public static let option = "--log-writer"

    public var form: LogForm
    /// The process's own user and group ID.
    public var userID: UInt32
    /// What one NF may write in the long run, and at once.
    public var bytesPerSecond: UInt32
    public var burstByteCount: UInt32

    public init(form: LogForm, userID: UInt32, bytesPerSecond: UInt32, burstByteCount: UInt32) {
        self.form = form
        self.userID = userID
        self.bytesPerSecond = bytesPerSecond
        self.burstByteCount = burstByteCount
    }
}

/// Where a log writer writes from now on. The descriptor travels with it.
public struct LogOutput: Equatable, Sendable {
    /// How much is in the file.
    public var byteCount: UInt64
    /// How large it may become before the writer asks for another; 0: any size.
    public var byteCountLimit: UInt64

    public init(byteCount: UInt64, byteCountLimit: UInt64) {
        self.byteCount = byteCount
        self.byteCountLimit = byteCountLimit
    }
}

/// One NF whose lines are to be written. The read end of its pipe travels with it.
public struct LogSource: Equatable, Sendable {
    /// Who it is, in the manager's words: "web/7".
    public var name: String

    public init(name: String) { self.name = name }
}

/// What a log writer has done since it started.
public struct LogCounts: Equatable, Sendable {
    /// Lines written, and their bytes as they are in the file.
    public var lines: UInt64 = 0
    public var bytes: UInt64 = 0
    /// Lines with bytes that were escaped: none of a well-behaved NF's.
    public var escaped: UInt64 = 0
    /// Lines that are not whole in the log, or not there: too long, without an end, or in a file that was full.
    public var cut: UInt64 = 0
    /// How often an NF had to wait because it wrote more than its rate.
    public var throttled: UInt64 = 0
    /// Why the output takes nothing now (errno(3)); 0 when it does.
    public var failure: Int32 = 0

    public init() {}
}

/// What a log writer tells the manager.
public enum LogWriterReport: Equatable, Sendable {
    /// The sandbox is on.
    case ready
    case counts(LogCounts)
    /// The file has reached its size; nothing is written until there is another.
    case full
}

/// The manager's end of the channel to a log writer.
public struct LogWriterClient: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    public func start(_ start: LogStart) throws(Errno) {
        var writer = MessageWriter(kind: .logStart)
        writer.append(start.form.rawValue)
        writer.append(start.userID)
        writer.append(start.bytesPerSecond)
        writer.append(start.burstByteCount)
        try socket.send(writer.bytes)
    }

    public func setOutput(_ output: LogOutput, descriptor: CInt) throws(Errno) {
        var writer = MessageWriter(kind: .logOutput)
        writer.append(output.byteCount)
        writer.append(output.byteCountLimit)
        try socket.send(writer.bytes, descriptors: [descriptor])
    }

    public func add(_ source: LogSource, descriptor: CInt) throws(Errno) {
        var writer = MessageWriter(kind: .logSource)
        writer.append(source.name)
        try socket.send(writer.bytes, descriptors: [descriptor])
    }

    /// The next report, or nil when none is waiting.
    /// - Throws: `.peerGone` when the writer ended.
    public func nextReport() throws(HandoverError) -> LogWriterReport? {
        guard let message = try socket.receiveIfAny() else { return nil }
        var reader = MessageReader(message.bytes)
        switch try reader.kind() {
        case .logReady: return .ready
        case .logFull: return .full
        case .logCounts:
            var counts = LogCounts()
            counts.lines = try reader.integer()
            counts.bytes = try reader.integer()
            counts.escaped = try reader.integer()
            counts.cut = try reader.integer()
            counts.throttled = try reader.integer()
            counts.failure = try reader.integer()
            return .counts(counts)
        case let kind: throw .unexpectedMessage("\(kind)")
        }
    }
}

/// What a manager tells a log writer. Descriptors belong to the receiver.
public enum LogWriterCommand: Equatable, Sendable {
    case start(LogStart)
    case output(LogOutput, descriptor: CInt)
    case source(LogSource, descriptor: CInt)
}

/// The log writer's end.
public struct LogWriterServer: ~Copyable {
    public let socket: SequencedSocket

    public init(_ socket: consuming SequencedSocket) { self.socket = socket }

    /// The next command; nil when none waits.
    /// - Throws: `.peerGone` when the manager ended.
    public func nextCommand(waits: Bool = false) throws(HandoverError) -> LogWriterCommand? {
        guard var message = try socket.receiveIfAny(waits: waits) else { return nil }
        var reader = MessageReader(message.bytes)
        switch try reader.kind() {
        case .logStart:
            let form: UInt8 = try reader.integer()
            guard let form = LogForm(rawValue: form) else { throw .unexpectedMessage("a log of form \(form)") }
            return .start(
                LogStart(
                    form: form, userID: try reader.integer(), bytesPerSecond: try reader.integer(),
                    burstByteCount: try reader.integer()))
        case .logOutput:
            let output = LogOutput(byteCount: try reader.integer(), byteCountLimit: try reader.integer())
            guard let descriptor = message.takeDescriptor() else { throw .missingDescriptor("output") }
            return .output(output, descriptor: descriptor)
        case .logSource:
            let name = try reader.text()
            guard let descriptor = message.takeDescriptor() else { throw .missingDescriptor("pipe") }
            return .source(LogSource(name: name), descriptor: descriptor)
        case let kind: throw .unexpectedMessage("\(kind)")
        }
    }

    public func reportReady() throws(Errno) { try socket.send(MessageWriter(kind: .logReady).bytes, waits: true) }

    /// - Throws: `EAGAIN` when the manager has not read the reports before it.
    public func report(_ counts: LogCounts) throws(Errno) {
        var writer = MessageWriter(kind: .logCounts)
        for count in [counts.lines, counts.bytes, counts.escaped, counts.cut, counts.throttled] { writer.append(count) }
        writer.append(counts.failure)
        try socket.send(writer.bytes)
    }

    public func reportFull() throws(Errno) { try socket.send(MessageWriter(kind: .logFull).bytes) }
}
