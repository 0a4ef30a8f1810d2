import ControlAPI
import Glibc
import Handover
import Linux
import Logging

/// The logs of an instance: an access log a service that has one, and the standard error of all NFs. Each has a writer
/// of its own, so that one on a slow disk holds up no other.
final class LogSinks {
    private let executable: String
    private let userID: UInt32
    private let loop: EventLoop
    private let log: Logger
    private let errors: LogSink
    private var access: [UInt8: LogSink] = [:]

    private enum Limit {
        /// What one NF may say on standard error: the words of a crash at once, and little in the long run.
        static let errorBytesPerSecond: UInt32 = 4_096
        static let errorBurstByteCount: UInt32 = 32_768
        static let stopMilliseconds = 1_000
    }

    /// - Parameter executable: `onvm-nf`, whichever program NFs are forked from.
    init(executable: String, userID: UInt32, loop: EventLoop, log: Logger) throws {
        self.executable = executable
        self.userID = userID
        self.loop = loop
        self.log = log
        let settings = LogStart(
            form: .errors, userID: userID, bytesPerSecond: Limit.errorBytesPerSecond,
            burstByteCount: Limit.errorBurstByteCount)
        errors = try LogSink(
            title: "standard error of NFs", executable: executable, settings: settings, file: nil,
            output: FileDescriptorBox(try Self.standardError()), loop: loop, log: log)
    }

    /// Of a terminal only the side that is written to: what is typed there is not for a log writer.
    private static func standardError() throws(Errno) -> FileDescriptor {
        if isatty(2) != 0,
            let terminal = try? FileDescriptor(opening: "/proc/self/fd/2", flags: O_WRONLY | O_NOCTTY)
        {
            return terminal
        }
        let copy = fcntl(2, F_DUPFD_CLOEXEC, 3)
        return copy >= 0 ? FileDescriptor(owning: copy) : try FileDescriptor(opening: "/dev/null", flags: O_WRONLY)
    }

    /// Opens the access log of a service, if it has one.
    func open(_ service: Topology.Service) throws {
        guard let settings = service.accessLog else { return }
        let file = LogFile(settings)
        do {
            let rate = UInt32(settings.bytesPerSecond)
            access[service.id] = try LogSink(
                title: "access_log \(settings.path)", executable: executable,
                settings: LogStart(form: .access, userID: userID, bytesPerSecond: rate, burstByteCount: rate &* 2),
                file: file, output: FileDescriptorBox(try file.open()), loop: loop, log: log)
        } catch {
            throw LaunchError("service \(service.name): access_log \(error)")
        }
    }

    /// Pipes for a new NF process.
    func pipes(of service: Topology.Service, slot: UInt32) throws(Errno) -> ProcessLogs {
        try ProcessLogs(name: "\(service.name)/\(slot)", access: access[service.id], errors: errors)
    }

    private var all: [LogSink] { [errors] + access.values }

    /// As after logrotate(8).
    func reopen() {
        for sink in access.values { sink.openFile() }
    }

    /// - Returns: When to call again.
    func advance(at now: MonotonicTime) -> MonotonicTime? { all.compactMap { $0.advance(at: now) }.min() }

    /// Call it when no NF is left.
    func stop() {
        let deadline = MonotonicTime.now + .milliseconds(Limit.stopMilliseconds)
        for sink in all { sink.stop(by: deadline) }
    }

    func status(of service: UInt8, dropped: [UInt64]) -> LogStatus? { access[service]?.status(dropped: dropped) }
    var errorStatus: LogStatus { errors.status(dropped: []) }
}
