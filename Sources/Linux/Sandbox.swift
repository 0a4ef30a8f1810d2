import CLinux
import Glibc

/// The steps by which a process gives up what it does not need, each checked. Order matters; see `onvm-nf`.
public enum Sandbox {
    /// Leaves the host's network, IPC, UTS and mount namespaces for empty ones, with an empty read-only root.
    /// Children inherit them. Needs CAP_SYS_ADMIN; the process must be single-threaded.
    public static func enterEmptyNamespaces() throws(SandboxError) {
        let namespaces =
            CLINUX_CLONE_NEWNET | CLINUX_CLONE_NEWNS | CLINUX_CLONE_NEWIPC
            | CLINUX_CLONE_NEWUTS
        try step("unshare", CLinux_unshare(CInt(namespaces)))
        // Nothing mounted here may reach the host's namespace.
        try step("mount MS_PRIVATE", unsafe mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil))
        let inert = MS_NOSUID | MS_NODEV | MS_NOEXEC
        try step("mount tmpfs", unsafe mount("none", "/tmp", "tmpfs", UInt(inert), "size=4k,mode=0555"))
        try step("chdir", unsafe chdir("/tmp"))
        // The old root ends up on top of the new one and is taken off: pivot_root(2), NOTES.
        try step("pivot_root", unsafe CLinux_pivot_root(".", "."))
        try step("umount of the old root", unsafe umount2(".", CInt(MNT_DETACH)))
        try step("chdir", unsafe chdir("/"))
        let readOnly = UInt(MS_REMOUNT | MS_BIND | MS_RDONLY | inert)
        try step("mount read-only", unsafe mount("none", "/", nil, readOnly, nil))
    }

    /// Empties the capability bounding set (capabilities(7)): nothing this process or its children execute can ever
    /// gain a capability. What the process holds it keeps. Needs CAP_SETPCAP.
    public static func emptyBoundingSet() throws(SandboxError) {
        for capability in 0..<UInt(64) {
            let result = CLinux_prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
            // EINVAL: the kernel has no more of them.
            if result < 0, errno == EINVAL, capability > 0 { return }
            try step("prctl PR_CAPBSET_DROP \(capability)", result)
        }
    }

    /// Sets a soft and hard resource limit (setrlimit(2)).
    public static func limit(_ resource: Resource, to value: UInt64) throws(SandboxError) {
        try step("setrlimit \(resource)", CLinux_set_limit(resource.identifier, value))
    }

    public enum Resource: Sendable {
        case openFiles, coreByteCount, processes, fileByteCount, lockedByteCount
        case addressSpace, dataByteCount, stackByteCount, messageQueueByteCount

        var identifier: CLinux_limit {
            switch self {
            case .openFiles: CLINUX_LIMIT_OPEN_FILES
            case .coreByteCount: CLINUX_LIMIT_CORE
            case .processes: CLINUX_LIMIT_PROCESSES
            case .fileByteCount: CLINUX_LIMIT_FILE_SIZE
            case .lockedByteCount: CLINUX_LIMIT_LOCKED
            case .addressSpace: CLINUX_LIMIT_ADDRESS_SPACE
            case .dataByteCount: CLINUX_LIMIT_DATA
            case .stackByteCount: CLINUX_LIMIT_STACK
            case .messageQueueByteCount: CLINUX_LIMIT_QUEUES
            }
        }
    }

    /// Allows reading below one directory and nothing else of any file system (landlock(7)).
    /// - Returns: false when this kernel has no Landlock; the empty mount namespace still holds.
    public static func restrictFiles(readableDirectory: CInt) throws(SandboxError) -> Bool {
        let version = CLinux_landlock_create_ruleset(0, 1)
        guard version > 0 else { return false }
        // LANDLOCK_ACCESS_FS_*: bits 0...12 in ABI 1, REFER in 2, TRUNCATE in 3, IOCTL_DEV in 5.
        let bits: UInt64 = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13
        let ruleset = CLinux_landlock_create_ruleset((1 << bits) - 1, 0)
        try step("landlock_create_ruleset", ruleset)
        defer { _ = close(ruleset) }
        if readableDirectory >= 0 {
            let readFileAndDirectory: UInt64 = 1 << 2 | 1 << 3
            try step(
                "landlock_add_rule", CLinux_landlock_allow_beneath(ruleset, readableDirectory, readFileAndDirectory))
        }
        try forbidNewPrivileges()
        try step("landlock_restrict_self", CLinux_landlock_restrict_self(ruleset))
        return true
    }

    /// Becomes an ordinary user with no groups, no capability, and no way back.
    public static func becomeUser(_ userID: UInt32) throws(SandboxError) {
        try changeUser(userID)
        try dropCapabilities()
        try forbidNewPrivileges()
    }

    /// All three user and group IDs, and no other group.
    public static func changeUser(_ userID: UInt32) throws(SandboxError) {
        try step("setgroups", setgroups(0, nil))
        try step("setresgid and setresuid", CLinux_become_user(userID))
    }

    public static func dropCapabilities() throws(SandboxError) { try step("capset", CLinux_drop_all_capabilities()) }

    /// Nothing that is executed gains a privilege by its set-user-ID bit or its file capabilities.
    public static func forbidNewPrivileges() throws(SandboxError) {
        try step("no_new_privs", CLinux_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    }

    /// No other process of the same user may attach to this one, and nothing of its memory is written to disk. It does
    /// not outlive execve(2).
    public static func forbidTracing() throws(SandboxError) {
        try step("not dumpable", CLinux_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    }

    public static func install(_ policy: SystemCallPolicy) throws(SandboxError) {
        do {
            try policy.install()
        } catch {
            throw SandboxError(step: "seccomp", errno: error)
        }
    }

    private static func step(_ name: @autoclosure () -> String, _ result: CInt) throws(SandboxError) {
        guard result >= 0 else {
            let errno = Errno.current
            throw SandboxError(step: name(), errno: errno)
        }
    }
}

/// The step of the sandbox that failed. The process must not go on.
public struct SandboxError: Error, CustomStringConvertible, Sendable {
    public let step: String
    public let errno: Errno

    public init(step: String, errno: Errno) {
        self.step = step
        self.errno = errno
    }

    public var description: String { "sandbox: \(step): \(errno)" }
}
