import CLinux
import Glibc
import Handover
import Linux

/// The child process `onvm-nf` that starts NFs.
final class ZygoteProcess {
    let pid: pid_t
    let client: ZygoteClient

    /// Where the inherited channel lies in the child.
    private static let channelDescriptor: CInt = 3

    init(executable: String) throws {
        let pair = try SequencedSocket.pair()
        pid = try Self.spawn(executable, channel: pair.second.descriptor.rawValue)
        client = ZygoteClient(pair.first)
    }

    private static func spawn(_ executable: String, channel: CInt) throws(ZygoteError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        // dup2 drops close-on-exec, even onto itself; everything else of ours is closed by exec.
        unsafe posix_spawn_file_actions_adddup2(&actions, channel, channelDescriptor)
        // The manager blocks the signals it reads from a descriptor; a child would inherit that.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let arguments = [executable, "--channel", "\(channelDescriptor)"]
        var pid: pid_t = 0
        var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
        // NFs have no use for the manager's environment. A crash is the kernel's to report: Swift's own handler would
        // make system calls that no NF may make, and hide the signal.
        var environment = unsafe [strdup("SWIFT_BACKTRACE=enable=no"), nil]
        defer { for index in unsafe environment.indices { unsafe free(environment[index]) } }
        // NFs are no more urgent than anything else on the host.
        Urgency.set(.ordinary)
        let result = unsafe posix_spawn(&pid, executable, &actions, &attributes, &pointers, &environment)
        Urgency.set(.manager)
        guard result == 0 else { throw ZygoteError(executable: executable, errno: Errno(rawValue: result)) }
        return pid
    }

    /// Reaps the child if it has ended.
    /// - Returns: Its wait status, or nil while it runs.
    func reap(waits: Bool = false) -> CInt? {
        var status: CInt = 0
        let result = unsafe waitpid(pid, &status, waits ? 0 : WNOHANG)
        return result == pid ? status : (result < 0 ? 0 : nil)
    }

    func kill() { _ = Glibc.kill(pid, SIGKILL) }

    /// Beside this program, as `swift build` and packages put it, unless `override` names another.
    static func executable(override: String?) -> String {
        if let override { return override }
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe readlink("/proc/self/exe", raw.baseAddress!.assumingMemoryBound(to: CChar.self), raw.count)
        }
        let path = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        return path.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/onvm-nf"
    }
}

struct ZygoteError: Error, CustomStringConvertible {
    let executable: String
    let errno: Errno

    var description: String { "cannot run \(executable): \(errno)" }
}

/// Words for a wait status (wait(2)).
func describe(waitStatus status: CInt) -> String {
    let signal = status & 0x7F
    guard signal != 0 else { return "exit status \((status >> 8) & 0xFF)" }
    let name = unsafe CLinux_signal_name(signal).map { unsafe "SIG" + String(cString: $0) } ?? "signal \(signal)"
    return "killed by \(name)"
}

/// How soon this process runs when it has something to do (setpriority(2)).
///
/// A manager does little, but until it has seen an NF die, that NF's clients send into the void: it goes before others.
enum Urgency: CInt {
    case ordinary = 0
    case manager = -15

    /// Without CAP_SYS_NICE everything stays as it is.
    static func set(_ urgency: Urgency) {
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, urgency.rawValue)
    }
}
