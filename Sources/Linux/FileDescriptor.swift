public import Glibc

/// Owns one file descriptor and closes it exactly once.
public struct FileDescriptor: ~Copyable {
    public let rawValue: CInt

    public init(owning rawValue: CInt) { self.rawValue = rawValue }

    /// Opens `path` (openat(2)), close-on-exec.
    public init(opening path: String, flags: CInt, mode: mode_t = 0) throws(Errno) {
        rawValue = try Errno.check(unsafe open(path, flags | O_CLOEXEC, mode))
    }

    /// A second descriptor of the same open file (fcntl(2) F_DUPFD_CLOEXEC).
    public func duplicate() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Errno.check(fcntl(rawValue, F_DUPFD_CLOEXEC, 3)))
    }

    /// Closes now, reporting the error that `deinit` would drop.
    public consuming func close() throws(Errno) {
        let rawValue = rawValue
        discard self
        guard Glibc.close(rawValue) == 0 else { throw .current }
    }

    /// Gives up ownership without closing.
    public consuming func release() -> CInt {
        let rawValue = rawValue
        discard self
        return rawValue
    }

    deinit { _ = Glibc.close(rawValue) }
}
