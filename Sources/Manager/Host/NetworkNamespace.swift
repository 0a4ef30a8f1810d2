import CLinux
import Glibc
import Linux

/// Named network namespaces as ip-netns(8) keeps them.
public enum NetworkNamespace {
    static let directory = "/run/netns"

    /// Moves the calling thread to `/run/netns/NAME`. Call it before the process has other threads or sockets.
    public static func enter(named name: String) throws {
        guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
            throw HostError("\"\(name)\" is no name of a network namespace")
        }
        do throws(Errno) {
            let file = try FileDescriptor(opening: "\(directory)/\(name)", flags: O_RDONLY)
            try Errno.check(CLinux_setns(file.rawValue, CInt(CLINUX_CLONE_NEWNET)))
        } catch {
            if error == Errno(rawValue: ENOENT) {
                throw HostError("there is no network namespace \"\(name)\" (\(directory)/\(name)); see ip netns list")
            }
            if error == .notPermitted || error == Errno(rawValue: EACCES) {
                throw PermissionError(capability: "CAP_SYS_ADMIN", purpose: "enter the network namespace \(name)")
            }
            throw HostError("enter network namespace \(name): \(error)")
        }
    }

    /// Whether the name stands for a namespace: where one ended without ip-netns(8), its file is there still.
    static func exists(_ name: String) -> Bool {
        var (file, own) = (stat(), stat())
        guard unsafe stat("\(directory)/\(name)", &file) == 0, unsafe stat("/proc/thread-self/ns/net", &own) == 0 else {
            return false
        }
        // All namespaces are inodes of one file system, nsfs.
        return file.st_dev == own.st_dev
    }

    /// Runs `body` in a named network namespace and comes back.
    static func within<Result>(named name: String, _ body: () throws -> Result) throws -> Result {
        let home = try FileDescriptor(opening: "/proc/thread-self/ns/net", flags: O_RDONLY)
        try enter(named: name)
        defer { comeBack(home) }
        return try body()
    }

    /// The way back needs what the way there needed; a manager in the wrong namespace must not go on.
    private static func comeBack(_ home: borrowing FileDescriptor) {
        guard CLinux_setns(home.rawValue, CInt(CLINUX_CLONE_NEWNET)) == 0 else {
            fatalError("cannot return to the network namespace: \(Errno.current)")
        }
    }

    /// Runs `body` in a new, empty network namespace and comes back.
    static func inScratch<Result>(_ body: () throws -> Result) throws -> Result {
        let home = try FileDescriptor(opening: "/proc/thread-self/ns/net", flags: O_RDONLY)
        do {
            try Errno.check(CLinux_unshare(CInt(CLINUX_CLONE_NEWNET)))
        } catch {
            throw error == .notPermitted
                ? PermissionError(capability: "CAP_SYS_ADMIN", purpose: "make a network namespace to probe in")
                : error
        }
        defer { comeBack(home) }
        return try body()
    }
}

/// Something about the host that the operator has to change.
public struct HostError: Error, CustomStringConvertible, Sendable {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// What failed for want of a privilege (exit code 77).
public struct PermissionError: Error, CustomStringConvertible, Sendable {
    public let capability: String
    public let purpose: String

    public init(capability: String, purpose: String) {
        self.capability = capability
        self.purpose = purpose
    }

    public var description: String {
        "not permitted: \(purpose) needs \(capability); run as root or with that capability"
    }
}
