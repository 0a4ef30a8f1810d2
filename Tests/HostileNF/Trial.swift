import CLinux
import Glibc
import Linux

/// One attack behind chosen layers of the sandbox, and no other: `onvm-nf-hostile --trial LAYERS ATTACK [ARGUMENT...]`, with
/// layers separated by commas, or `none`. It prints 0 when the attack worked, or the errno it was refused with.
enum Trial {
    static func runIfAsked() {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4, arguments[1] == "--trial" else { return }
        do {
            for layer in arguments[2].split(separator: ",") { try apply(layer) }
        } catch {
            print("cannot apply: \(error)")
            exit(1)
        }
        print(attack(arguments[3], Array(arguments[4...])))
        exit(0)
    }

    /// Nobody's.
    private static let user: UInt32 = 1_987_654_321

    private static func apply(_ layer: Substring) throws(SandboxError) {
        switch layer {
        case "none": break
        case "user":
            try Sandbox.changeUser(user)
            // As after execve(2), which in an NF comes next.
            _ = CLinux_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        case "capabilities": try Sandbox.dropCapabilities()
        case "bounding-set": try Sandbox.emptyBoundingSet()
        case "no-new-privileges": try Sandbox.forbidNewPrivileges()
        case "namespaces": try Sandbox.enterEmptyNamespaces()
        case "tracing": try Sandbox.forbidTracing()
        case "limit-processes": try Sandbox.limit(.processes, to: 0)
        case "limit-files": try Sandbox.limit(.openFiles, to: 1_024)
        case "limit-locked": try Sandbox.limit(.lockedByteCount, to: 0)
        case let landlock where landlock.hasPrefix("landlock="):
            let directory = unsafe open(String(landlock.dropFirst(9)), Attacks.O_PATH_ | O_DIRECTORY)
            guard try Sandbox.restrictFiles(readableDirectory: directory) else {
                throw SandboxError(step: "landlock is missing", errno: Errno(rawValue: ENOSYS))
            }
        default: fatalError("unknown layer \(layer)")
        }
    }

    private static func attack(_ name: String, _ arguments: [String]) -> CInt {
        switch name {
        case "read": Attacks.open(arguments[0])
        case "write": Attacks.open(arguments[0], O_WRONLY)
        case "make-directory": Attacks.makeDirectory(arguments[0])
        case "signal": Attacks.signal(pid_t(arguments[0])!)
        case "make-namespaces": Attacks.makeNamespaces()
        case "be-root": geteuid() == 0 ? 0 : EPERM
        case "connect": Attacks.connect(port: UInt16(arguments[0])!, address: "127.0.0.1")
        case "connect-abstract": Attacks.connect(abstract: arguments[0])
        case "shared-memory": Attacks.findSharedMemory(key_t(arguments[0])!)
        case "rename-host": Attacks.outcome(unsafe sethostname(arguments[0], arguments[0].utf8.count))
        case "fork": Attacks.fork()
        case "descriptors": Attacks.openDescriptors(2_000)
        case "lock-memory": Attacks.lockMemory()
        case "trace": readChild()
        case "execute": execute(arguments)
        default: fatalError("unknown attack \(name)")
        }
    }

    /// Another program, and what it says. It comes back only when that cannot be executed.
    private static func execute(_ arguments: [String]) -> CInt {
        var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        return Attacks.outcome(unsafe execv(arguments[0], &pointers))
    }

    /// The environment of a child of the same user, which takes PTRACE_MODE_READ (ptrace(2)). It inherits what was applied.
    private static func readChild() -> CInt {
        let child = CLinux_fork()
        if child == 0 { while true { pause() } }
        defer {
            _ = kill(child, SIGKILL)
            _ = waitpid(child, nil, 0)
        }
        return Attacks.open("/proc/\(child)/environ")
    }
}
