import CLinux
import Glibc
import Linux

/// A pipe from one NF to a log. The NF gets the write end; the read end is kept as long as the NF, for the log writer
/// and for the one that takes its place.
final class LogPipe {
    private weak var sink: LogSink?
    private let id: UInt64
    private var writeEnd: FileDescriptorBox?

    init(sink: LogSink, id: UInt64, writeEnd: FileDescriptorBox) {
        self.sink = sink
        self.id = id
        self.writeEnd = writeEnd
    }

    deinit { sink?.remove(id) }

    var descriptor: CInt { writeEnd?.rawValue ?? -1 }

    /// When the NF has its own: what it writes then ends with it.
    func closeWriteEnd() { writeEnd = nil }

    static func ends(byteCount: CInt) throws(Errno) -> (read: FileDescriptorBox, write: FileDescriptorBox) {
        var ends: [CInt] = [-1, -1]
        try Errno.check(unsafe CLinux_pipe(&ends, byteCount))
        return (
            FileDescriptorBox(FileDescriptor(owning: ends[0])), FileDescriptorBox(FileDescriptor(owning: ends[1]))
        )
    }
}

/// The pipes of one NF process.
final class ProcessLogs {
    private let access: LogPipe?
    private let errors: LogPipe
    private let accessSink: LogSink?

    init(name: String, access sink: LogSink?, errors: LogSink) throws(Errno) {
        accessSink = sink
        access = try sink?.makePipe(name: name)
        self.errors = try errors.makePipe(name: name)
    }

    var accessDescriptor: CInt { access?.descriptor ?? -1 }
    var errorsDescriptor: CInt { errors.descriptor }

    func closeWriteEnds() {
        access?.closeWriteEnd()
        errors.closeWriteEnd()
    }

    /// The NF has ended; `dropped` is what it said of lines it gave up.
    func ended(dropped: UInt64) { accessSink?.add(dropped: dropped) }
}
