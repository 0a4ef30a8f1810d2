import ControlAPI
import Handover
import Linux

/// What became of lines, for `onvm status`.
extension LogSink {
    /// An NF may say anything: at worst the sum stays at the largest number there is.
    func add(dropped count: UInt64) {
        let (sum, overflow) = dropped.addingReportingOverflow(count)
        dropped = overflow ? .max : sum
    }

    /// - Parameter running: What the NFs that run now say of lines they gave up.
    func status(dropped running: [UInt64]) -> LogStatus {
        var counts = past
        if let writer { counts.add(writer.counts) }
        var status = LogStatus()
        status.path = file?.path
        status.lines = counts.lines
        status.bytes = counts.bytes
        status.escaped = counts.escaped
        status.cut = counts.cut
        status.throttled = counts.throttled
        status.dropped = running.reduce(dropped) { sum, count in
            let (sum, overflow) = sum.addingReportingOverflow(count)
            return overflow ? .max : sum
        }
        status.rotations = rotations
        status.writerPid = writer?.pid
        status.writerRestarts = restarts
        let failure = writer?.counts.failure ?? 0
        status.error = failure != 0 ? "\(Errno(rawValue: failure))" : lastProblem
        return status
    }
}

extension LogCounts {
    /// A writer that was taken over may say anything.
    mutating func add(_ other: LogCounts) {
        lines &+= other.lines
        bytes &+= other.bytes
        escaped &+= other.escaped
        cut &+= other.cut
        throttled &+= other.throttled
    }
}
