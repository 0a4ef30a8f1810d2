import Dispatch
import Glibc
import Linux

/// The file of an access log. The manager opens it, since no NF and no log writer could.
struct LogFile: Sendable {
    let path: String
    /// The size at which it is renamed; 0: never.
    let byteCountLimit: UInt64
    /// How many renamed ones are kept: PATH.1 is the newest.
    let keep: Int

    init(_ settings: Topology.AccessLog) {
        path = settings.path
        byteCountLimit = UInt64(settings.byteCountLimit ?? 0)
        keep = settings.keep
    }

    /// Opens the file, or makes it. Whatever is at its path, this does not wait for anybody.
    func open() throws(LogFileError) -> FileDescriptor {
        let file: FileDescriptor
        do {
            // Without O_NONBLOCK the end of a FIFO would wait for a reader (fifo(7)).
            let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW
            file = try FileDescriptor(opening: path, flags: flags, mode: 0o640)
        } catch {
            throw LogFileError(path, Self.words(error))
        }
        let information = Self.information(file.rawValue)
        switch information?.kind {
        case S_IFREG, S_IFIFO, S_IFCHR: break
        default: throw LogFileError(path, "is neither a file, a FIFO nor a character device")
        }
        // From here on who writes may wait: the log writer, whose business it is.
        guard fcntl(file.rawValue, F_SETFL, O_APPEND) == 0 else { throw LogFileError(path, "\(Errno.current)") }
        return file
    }

    private static func words(_ error: Errno) -> String {
        switch error.rawValue {
        case ELOOP: "is a symbolic link; name the file that it leads to"
        case ENXIO: "is a FIFO that nobody reads, or a socket"
        default: "\(error)"
        }
    }

    /// What the writer has to know of a file that `open` gave.
    func output(_ file: CInt) -> LogFileOutput {
        let information = Self.information(file)
        guard let information, information.kind == S_IFREG else { return LogFileOutput(byteCount: 0, byteCountLimit: 0) }
        return LogFileOutput(byteCount: information.byteCount, byteCountLimit: byteCountLimit)
    }

    /// Makes room for a new file, if the path still leads to `current` and that has its size.
    /// - Returns: Whether it was renamed.
    func rotate(_ current: CInt) throws(LogFileError) -> Bool {
        guard let open = Self.information(current), open.byteCount >= byteCountLimit else { return false }
        var named = stat()
        // Somebody else may have renamed it: then there is nothing to make room for.
        guard unsafe lstat(path, &named) == 0, Information(named).isSameFile(as: open) else { return false }
        for number in stride(from: keep - 1, to: 0, by: -1) {
            guard unsafe rename("\(path).\(number)", "\(path).\(number + 1)") == 0 || errno == ENOENT else {
                throw LogFileError("\(path).\(number)", "cannot be renamed: \(Errno.current)")
            }
        }
        guard unsafe rename(path, "\(path).1") == 0 else {
            throw LogFileError(path, "cannot be renamed: \(Errno.current)")
        }
        return true
    }

    private struct Information {
        let kind: mode_t
        let byteCount: UInt64
        private let device: dev_t
        private let inode: ino_t

        init(_ information: stat) {
            kind = information.st_mode & S_IFMT
            byteCount = UInt64(max(0, information.st_size))
            device = information.st_dev
            inode = information.st_ino
        }

        func isSameFile(as other: Information) -> Bool { device == other.device && inode == other.inode }
    }

    private static func information(_ file: CInt) -> Information? {
        var information = stat()
        return unsafe fstat(file, &information) == 0 ? Information(information) : nil
    }
}

struct LogFileOutput: Equatable {
    var byteCount: UInt64
    var byteCountLimit: UInt64
}

struct LogFileError: Error, CustomStringConvertible {
    let description: String

    init(_ path: String, _ problem: String) { description = "\(path): \(problem)" }
}

/// Opens a log file again, and renames it before if that is due, on a thread of its own: a disk that is slow makes
/// nobody wait but its own log.
final class LogFileOpener {
    private let queue = DispatchQueue(label: "onvm.log")
    private let results: SequencedSocket
    private let reply: SequencedSocket

    init() throws(Errno) {
        let pair = try SequencedSocket.pair()
        results = pair.first
        reply = pair.second
    }

    /// Readable when there is a result.
    var descriptor: CInt { results.descriptor.rawValue }

    enum Result {
        case opened(FileDescriptorBox, wasRenamed: Bool)
        case failed(String)
    }

    func open(_ file: LogFile, renaming current: CInt?) throws(Errno) {
        let reply = try reply.descriptor.duplicate().release()
        let renamed = current.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        queue.async {
            let reply = SequencedSocket(owning: FileDescriptor(owning: reply))
            let current = renamed.map { FileDescriptorBox(FileDescriptor(owning: $0)) }
            do throws(LogFileError) {
                let wasRenamed = try current.map { box throws(LogFileError) in try file.rotate(box.rawValue) } ?? false
                let opened = try file.open()
                try? reply.send([wasRenamed ? 1 : 0], descriptors: [opened.rawValue])
            } catch {
                try? reply.send([2] + Array(error.description.utf8.prefix(4_096)))
            }
        }
    }

    func next() -> Result? {
        guard var message = try? results.receive(), let kind = message.bytes.first else { return nil }
        guard kind < 2, let descriptor = message.takeDescriptor() else {
            return .failed(String(decoding: message.bytes.dropFirst(), as: UTF8.self))
        }
        return .opened(FileDescriptorBox(FileDescriptor(owning: descriptor)), wasRenamed: kind == 1)
    }
}
