import CLinux
import Glibc
import Handover
import Linux

/// The child process `onvm-nf` that starts NFs.
final class ZygoteProcess {
    let pid: pid_t
    let client: ZygoteClient

    init(executable: String) throws {
        let pair = try SequencedSocket.pair()
        pid = try ChildProgram.spawn(
            executable, ["--channel", "\(ChildProgram.channelDescriptor)"], channel: pair.second.descriptor.rawValue)
        client = ZygoteClient(pair.first)
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
