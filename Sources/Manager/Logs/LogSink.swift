import ControlAPI
import Glibc
import Handover
import Linux
import Logging

/// One log: its file, the log writer that writes it, and the pipes of the NFs whose lines go into it.
///
/// The manager neither reads nor writes a line of it. When the writer dies, another one gets the same pipes.
final class LogSink {
    /// What it is called in the manager's own lines.
    let title: String
    let executable: String
    let settings: LogStart
    let file: LogFile?
    let opener: LogFileOpener
    let loop: EventLoop
    let log: Logger
    var output: FileDescriptorBox
    var outputState: LogOutput
    var writer: Writer?
    /// Killed and not yet reaped: a process that waits for its disk takes its time.
    private var leaving: [pid_t] = []
    private var sources: [UInt64: Source] = [:]
    private var lastID: UInt64 = 0
    /// Sources that the writer has yet to be told of, in order.
    private var unsent: [UInt64] = []
    /// The output has changed, and the writer has yet to be told.
    private var isOutputUnsent = false
    private var waitsToSend = false
    /// The other end was closed before the writer was told: its last words are still to be read.
    private var orphans: Set<UInt64> = []
    private(set) var retryAt: MonotonicTime?
    private var failures = 0
    var restarts: UInt64 = 0
    /// Of the writers before this one, and of NFs that ended.
    var past = LogCounts()
    var dropped: UInt64 = 0
    var rotations: UInt64 = 0
    /// The failure that was logged last, and when another may be.
    private var notedFailure: Int32 = 0
    private var nextNote = MonotonicTime.zero
    /// A file is being opened, and perhaps once more after that.
    var isOpening = false
    var isAskedAgain = false
    var lastProblem: String?
    private var isStopping = false

    enum Limit {
        static let reportsPerTurn = 16
        /// A well-behaved writer reports once a second.
        static let reportsPerSecond = 200
        static let noteMilliseconds = 1_000
        static let orphans = 256
        /// Lines of some milliseconds at full speed: for as long a log writer may wait for its turn on a busy host.
        static let accessPipeByteCount: CInt = 1 << 20
        static let errorsPipeByteCount: CInt = 16 << 10
    }

    final class Writer {
        let pid: pid_t
        let client: LogWriterClient
        let startedAt = MonotonicTime.now
        var counts = LogCounts()
        var reportsUntil = MonotonicTime.zero
        var reports = 0

        init(pid: pid_t, client: consuming LogWriterClient) {
            self.pid = pid
            self.client = client
        }

        var descriptor: CInt { client.socket.descriptor.rawValue }
    }

    private struct Source {
        let name: String
        let readEnd: FileDescriptorBox
    }

    init(
        title: String, executable: String, settings: LogStart, file: LogFile?, output: FileDescriptorBox,
        loop: EventLoop, log: Logger
    ) throws {
        self.title = title
        self.executable = executable
        self.settings = settings
        self.file = file
        self.output = output
        self.loop = loop
        self.log = log
        outputState = LogSink.state(of: output, in: file)
        opener = try LogFileOpener()
        try loop.watch(opener.descriptor) { [unowned self] _ in fileOpened() }
        try start()
    }

    static func state(of output: FileDescriptorBox, in file: LogFile?) -> LogOutput {
        guard let state = file?.output(output.rawValue) else { return LogOutput(byteCount: 0, byteCountLimit: 0) }
        return LogOutput(byteCount: state.byteCount, byteCountLimit: state.byteCountLimit)
    }

    // MARK: The writer

    private func start() throws {
        retryAt = nil
        let pair = try SequencedSocket.pair()
        let zone = unsafe getenv("TZ").map { unsafe ["TZ=" + String(cString: $0)] } ?? []
        let pid = try ChildProgram.spawn(
            executable, [LogStart.option, "\(ChildProgram.channelDescriptor)"],
            channel: pair.second.descriptor.rawValue, environment: zone)
        let writer = Writer(pid: pid, client: LogWriterClient(pair.first))
        self.writer = writer
        try writer.client.start(settings)
        (isOutputUnsent, waitsToSend) = (true, false)
        unsent = sources.keys.sorted()
        try loop.watch(writer.descriptor) { [unowned self] ready in
            if ready.contains(.write) { send() }
            read()
        }
        send()
    }

    private func read() {
        guard let writer else { return }
        do {
            for _ in 0..<Limit.reportsPerTurn {
                guard let report = try writer.client.nextReport() else { return }
                guard isWithinRate(writer) else { return ended("it sends more reports than it may") }
                switch report {
                case .ready: log.debug("\(title): writer started", metadata: ["pid": "\(writer.pid)"])
                case .counts(let counts): take(counts, of: writer)
                case .full: openFile(renaming: true)
                }
            }
        } catch {
            ended(error == .peerGone ? nil : "\(error)")
        }
    }

    private func isWithinRate(_ writer: Writer) -> Bool {
        if MonotonicTime.now >= writer.reportsUntil {
            writer.reportsUntil = .now + .milliseconds(1_000)
            writer.reports = 0
        }
        writer.reports += 1
        return writer.reports <= Limit.reportsPerSecond
    }

    private func take(_ counts: LogCounts, of writer: Writer) {
        writer.counts = counts
        // A writer that was taken over does not fill the manager's own log.
        guard counts.failure != notedFailure, MonotonicTime.now >= nextNote else { return }
        notedFailure = counts.failure
        nextNote = .now + .milliseconds(Limit.noteMilliseconds)
        if counts.failure != 0 {
            log.error("\(title): \(Errno(rawValue: counts.failure)); lines are lost until it can be written again")
        } else {
            log.notice("\(title) can be written again")
        }
    }

    /// The writer is gone, or has to go.
    private func ended(_ problem: String?) {
        guard let writer else { return }
        let how = forget(writer)
        guard !isStopping else { return }
        let now = MonotonicTime.now
        failures = now - writer.startedAt < .milliseconds(10_000) ? failures + 1 : 1
        retryAt = now + .milliseconds(failures == 1 ? 0 : min(30_000, 100 << min(failures, 10)))
        log.error(
            "\(title): its writer ended: \(problem ?? how ?? "gone"); lines wait for the next one",
            metadata: ["pid": "\(writer.pid)"])
    }

    /// - Returns: How it ended, if that is known yet.
    private func forget(_ writer: Writer) -> String? {
        loop.forget(writer.descriptor)
        past.add(writer.counts)
        self.writer = nil
        let status = waitShortly(for: writer.pid)
        if status == nil {
            _ = kill(writer.pid, SIGKILL)
            leaving.append(writer.pid)
        }
        return status.map(describe(waitStatus:))
    }

    /// A channel closes a moment before its process can be reaped.
    private func waitShortly(for pid: pid_t) -> CInt? {
        var status: CInt = 0
        for _ in 0..<20 {
            if unsafe waitpid(pid, &status, WNOHANG) != 0 { return status }
            usleep(1_000)
        }
        return nil
    }

    /// Starts another writer when it is time.
    /// - Returns: When to call again.
    func advance(at now: MonotonicTime) -> MonotonicTime? {
        leaving.removeAll { waitpid($0, nil, WNOHANG) != 0 }
        guard writer == nil, !isStopping, let due = retryAt else { return nil }
        guard due <= now else { return due }
        do {
            try start()
            restarts += 1
            log.notice("\(title): writer restarted", metadata: ["pid": "\(writer?.pid ?? 0)"])
        } catch {
            if let writer { _ = forget(writer) }
            failures += 1
            retryAt = now + .milliseconds(min(30_000, 100 << min(failures, 10)))
            log.error("\(title): \(error)")
        }
        return retryAt
    }

    /// What is in the pipes is written; a writer that has not done that by `deadline` is ended.
    func stop(by deadline: MonotonicTime) {
        isStopping = true
        loop.forget(opener.descriptor)
        guard let writer else { return }
        self.writer = nil
        loop.forget(writer.descriptor)
        _ = shutdown(writer.descriptor, CInt(SHUT_WR))
        var status: CInt = 0
        while MonotonicTime.now < deadline {
            if unsafe waitpid(writer.pid, &status, WNOHANG) != 0 { return }
            usleep(2_000)
        }
        _ = kill(writer.pid, SIGKILL)
        _ = waitShortly(for: writer.pid)
    }

    // MARK: NFs

    func makePipe(name: String) throws(Errno) -> LogPipe {
        let isAccess = settings.form == .access
        let ends = try LogPipe.ends(byteCount: isAccess ? Limit.accessPipeByteCount : Limit.errorsPipeByteCount)
        lastID += 1
        sources[lastID] = Source(name: name, readEnd: ends.read)
        unsent.append(lastID)
        send()
        return LogPipe(sink: self, id: lastID, writeEnd: ends.write)
    }

    func remove(_ id: UInt64) {
        guard unsent.contains(id), orphans.count < Limit.orphans else {
            sources[id] = nil
            return
        }
        orphans.insert(id)
    }

    /// Tells the writer what it does not know yet. One that waits for its disk reads no messages; the rest comes later.
    private func send() {
        guard let writer else { return }
        let isDone = sendAll(to: writer)
        guard isDone == waitsToSend else { return }
        waitsToSend = !isDone
        try? loop.change(writer.descriptor, to: isDone ? .read : [.read, .write])
    }

    private func sendAll(to writer: Writer) -> Bool {
        do {
            if isOutputUnsent { try writer.client.setOutput(outputState, descriptor: output.rawValue) }
            isOutputUnsent = false
            while let id = unsent.first {
                if let source = sources[id] {
                    try writer.client.add(LogSource(name: source.name), descriptor: source.readEnd.rawValue)
                }
                if orphans.remove(id) != nil { sources[id] = nil }
                unsent.removeFirst()
            }
            return true
        } catch {
            // A writer that is gone is seen when its end is read.
            return error != .wouldBlock
        }
    }

    func setOutput(_ descriptor: FileDescriptorBox) {
        output = descriptor
        outputState = Self.state(of: descriptor, in: file)
        isOutputUnsent = true
        send()
    }
}
