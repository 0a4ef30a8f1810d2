import ControlAPI
import Glibc
public import Logging

/// One line an event on standard error: time, level, text, then what it is about as key=value.
///
/// Whoever reads it may be slow, or gone: a line that would make the manager wait is dropped, and the next one that is
/// written says how many were.
public struct LineLog: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let output: LineOutput

    public init(level: Logger.Level) { self.init(level: level, descriptor: 2) }

    init(level: Logger.Level, descriptor: CInt) {
        logLevel = level
        output = LineOutput(descriptor: descriptor)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        output.write(event.level, "\(event.message)\(pairs)")
    }
}

/// Log lines have one thread: the manager's. Others of the process make none.
private final class LineOutput: @unchecked Sendable {
    private let descriptor: CInt
    private var dropped = 0

    /// What fits into a pipe whole (PIPE_BUF, pipe(7)).
    private static let byteCountLimit = 4_096

    init(descriptor: CInt) { self.descriptor = descriptor }

    func write(_ level: Logger.Level, _ text: String) {
        guard isReady else {
            dropped += 1
            return
        }
        if dropped > 0 {
            let count = dropped
            dropped = 0
            put(.warning, "\(count) lines before this one were dropped: nobody read them")
        }
        put(level, text)
    }

    private func put(_ level: Logger.Level, _ text: String) {
        // A message may quote what a client, an NF or a file said: nothing in it ends the line or speaks to a terminal.
        var line = Array("\(Self.clock) \(level.rawValue) \(text.escapingControls())".utf8)
        if line.count >= Self.byteCountLimit { line = line.prefix(Self.byteCountLimit - 4) + Array("...".utf8) }
        line.append(0x0A)
        guard unsafe Glibc.write(descriptor, line, line.count) < 0, errno == EAGAIN else { return }
        dropped += 1
    }

    /// Whether a line can be written without waiting for a reader (pipe(7), unix(7), a stopped terminal).
    private var isReady: Bool {
        var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&output, 1, 0) != 0
    }

    private static var clock: String {
        let now = WallTime.now.seconds
        var seconds = time_t(now)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), to: 2) }.joined(
            separator: ":")
        return "\(clock).\(padded(Int((now - now.rounded(.down)) * 1_000), to: 3))"
    }

    private static func padded(_ number: Int, to count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}
