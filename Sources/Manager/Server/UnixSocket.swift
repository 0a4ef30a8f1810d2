import Glibc
import Linux

/// Stream sockets with a path (unix(7)).
enum UnixSocket {
    /// A listening socket that only its owner may connect to.
    static func listen(path: String) throws(Errno) -> FileDescriptor {
        let descriptor = try make(flags: CInt(SOCK_NONBLOCK.rawValue))
        // The holder of the instance's lock owns the path; what lies there is a dead manager's.
        _ = unsafe unlink(path)
        // The mode of the path is the socket's; it must never be open to others, not even for a moment.
        let mask = umask(0o177)
        defer { umask(mask) }
        let result = unsafe withAddress(path) { unsafe bind(descriptor.rawValue, $0, $1) }
        try Errno.check(result)
        try Errno.check(Glibc.listen(descriptor.rawValue, 16))
        return descriptor
    }

    static func connect(path: String) throws(Errno) -> FileDescriptor {
        let descriptor = try make(flags: 0)
        let result = unsafe withAddress(path) { unsafe Glibc.connect(descriptor.rawValue, $0, $1) }
        try Errno.check(result)
        return descriptor
    }

    /// The user at the other end (SO_PEERCRED).
    static func peerUser(_ descriptor: CInt) -> uid_t? {
        // struct ucred is behind _GNU_SOURCE: process, user and group ID.
        var credentials: (pid: Int32, user: UInt32, group: UInt32) = (0, .max, .max)
        var length = socklen_t(12)
        let result = unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        return result == 0 && length == 12 ? credentials.user : nil
    }

    private static func make(flags: CInt) throws(Errno) -> FileDescriptor {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | flags
        return FileDescriptor(owning: try Errno.check(socket(AF_UNIX, type, 0)))
    }

    /// - Returns: What the call returned; -1 with ENAMETOOLONG for a path that does not fit.
    private static func withAddress(
        _ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return -1
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
