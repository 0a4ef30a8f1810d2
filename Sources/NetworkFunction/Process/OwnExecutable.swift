import CLinux
import Glibc
import Handover
import Linux

/// The zygote's own program, held open so that it can be executed where there is no file system.
///
/// A forked process has its parent's memory layout, stack canary and hash seeds. Whoever crashed one NF and learned
/// them would know those of every other; so each NF is executed anew (execve(2)), and the kernel draws all of them
/// again.
struct OwnExecutable: ~Copyable {
    private let file: FileDescriptor

    /// Where an NF finds its channel.
    static var channelDescriptor: CInt { 3 }
    /// What tells an NF from a zygote. Swift reads a command line from /proc, which an NF does not have.
    private static var environmentName: String { "ONVM_NF_CHANNEL" }

    /// The channel of this process, if it is an NF.
    static var channelOfThisProcess: CInt? {
        unsafe getenv(environmentName).flatMap { unsafe CInt(String(cString: $0)) }
    }

    /// Call it while there is a /proc.
    init() throws(SandboxError) {
        // Where there are no files there is no loader.
        guard CLinux_has_dynamic_loader() == 0 else {
            throw SandboxError(
                step: "this program needs a dynamic loader: link it with -static-executable",
                errno: Errno(rawValue: ENOEXEC))
        }
        do {
            // O_PATH: it can be executed and not be read.
            let opened = try FileDescriptor(opening: "/proc/self/exe", flags: O_PATH_)
            // Out of the way of the channel in a child.
            file = FileDescriptor(
                owning: try Errno.check(fcntl(opened.rawValue, F_DUPFD_CLOEXEC, Self.channelDescriptor + 1)))
        } catch {
            throw SandboxError(step: "open /proc/self/exe", errno: error)
        }
    }

    /// In a child process: becomes the user, then the NF. Everything that came from the zygote ends here, but for the
    /// channel, standard error and what is inherited by design: namespaces, an empty bounding set, a CPU.
    borrowing func become(_ request: SpawnRequest, channel: CInt) -> Never {
        do throws(SandboxError) {
            // The NF keeps none of the zygote's signal state.
            CLinux_unblock_signals()
            if request.cpu >= 0 { _ = CLinux_pin_to_cpu(request.cpu) }
            try Sandbox.becomeUser(request.userID)
            throw SandboxError(step: "execute the NF program", errno: execute(channel))
        } catch {
            NFEnd(SequencedSocket(owning: FileDescriptor(owning: channel))).reportFailure("\(error)\(advice(error))")
            exit(EX_OSERR)
        }
    }

    /// Returns only on failure.
    private borrowing func execute(_ channel: CInt) -> Errno {
        let number = Self.channelDescriptor
        // dup2(2) clears close-on-exec, except onto itself.
        guard channel == number ? fcntl(channel, F_SETFD, 0) == 0 : dup2(channel, number) == number else {
            return .current
        }
        guard CLinux_close_on_execute(UInt32(number + 1)) == 0 else { return .current }
        var arguments = unsafe [strdup("onvm-nf"), nil]
        var environment = unsafe [
            strdup("\(Self.environmentName)=\(number)"),
            // A crash is the kernel's to report; see `ZygoteProcess`. With a path the runtime does not look for one,
            // and so not for /proc/self/exe.
            strdup("SWIFT_BACKTRACE=enable=no,swift-backtrace=/none"), nil,
        ]
        _ = unsafe CLinux_execute(file.rawValue, &arguments, &environment)
        return .current
    }

    private func advice(_ error: SandboxError) -> String {
        guard error.errno.rawValue == EACCES else { return "" }
        return ". It must be executable for every user (chmod a+rx), on a file system that is not mounted noexec."
    }

    /// sysexits.h.
    private var EX_OSERR: CInt { 71 }
}

/// O_PATH is behind _GNU_SOURCE (open(2)).
private let O_PATH_: CInt = 0o10_000_000
