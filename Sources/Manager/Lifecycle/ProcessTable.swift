import CLinux
import Foundation
import Glibc
import Linux

/// A process ID and when the process started, so that a number used again is not mistaken for it.
struct ProcessIdentity: Codable, Equatable {
    let pid: Int32
    /// Clock ticks since boot (field 22 of proc_pid_stat(5)).
    let startTicks: UInt64

    init?(pid: Int32) {
        // kill(2) gives numbers below 1 a meaning of their own, and 1 is nobody's to end.
        guard pid > 1, let ticks = ProcessTable.startTicks(of: pid) else { return nil }
        self.pid = pid
        startTicks = ticks
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        pid = try container.decode(Int32.self, forKey: .pid)
        startTicks = try container.decode(UInt64.self, forKey: .startTicks)
        guard pid > 1 else {
            throw DecodingError.dataCorruptedError(forKey: .pid, in: container, debugDescription: "no process has it")
        }
    }

    var isAlive: Bool { ProcessTable.startTicks(of: pid) == startTicks }

    /// SIGKILL to this very process.
    /// - Returns: Whether it was there.
    @discardableResult
    func kill() -> Bool {
        ProcessTable.kill(pid) { isAlive }
    }
}

/// What procfs says about processes.
enum ProcessTable {
    static var pids: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// Neither gone nor a zombie.
    static func isRunning(_ pid: Int32) -> Bool {
        guard let state = fields(of: pid)?.first else { return false }
        return state != "Z" && state != "X"
    }

    static func startTicks(of pid: Int32) -> UInt64? { number(19, of: pid) }

    /// The process that made the session, alive or not (setsid(2)).
    static func session(of pid: Int32) -> Int32? { number(3, of: pid).flatMap(Int32.init(exactly:)) }

    /// The user and group IDs that a process has, of every kind (proc_pid_status(5)).
    static func users(of pid: Int32) -> [ClosedRange<UInt32>] {
        let text = readProcFile("/proc/\(pid)/status") ?? ""
        return text.split(separator: "\n").filter { line in
            ["Uid:", "Gid:", "Groups:"].contains { line.hasPrefix($0) }
        }.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { UInt32($0) } }.map { $0...$0 }
    }

    /// SIGKILL by a descriptor of the process, so that nobody else can get it who has its number by then.
    /// - Parameter isMeant: Asked once the descriptor holds the process.
    static func kill(_ pid: Int32, ifStill isMeant: () -> Bool) -> Bool {
        let descriptor = CLinux_pidfd_open(pid)
        guard descriptor >= 0 else { return false }
        defer { _ = close(descriptor) }
        guard isMeant() else { return false }
        return CLinux_pidfd_send_signal(descriptor, SIGKILL) == 0
    }

    /// Any of those that are never negative.
    private static func number(_ index: Int, of pid: Int32) -> UInt64? {
        guard let fields = fields(of: pid), fields.count > index else { return nil }
        return UInt64(fields[index])
    }

    /// From the third on: the name in parentheses before it may hold anything.
    private static func fields(of pid: Int32) -> [Substring]? {
        guard let text = readProcFile("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}

/// A file of procfs, whose size is not known before.
func readProcFile(_ path: String) -> String? {
    guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = unsafe read(file.rawValue, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
}

/// NFs that no manager holds by a descriptor any more.
///
/// A zygote makes a session (setsid(2)), in which everything it forks stays: NFs may not make another, nobody can enter
/// it, and its number is given to no other process while it has members (kernel/pid.c). A user ID alone proves nothing.
struct OrphanedFunctions {
    /// Every zygote the instance had.
    var zygotes: [ProcessIdentity]
    var users: UserRange

    var pids: [Int32] { ProcessTable.pids.filter(isOne) }

    private func isOne(_ pid: Int32) -> Bool {
        guard let session = ProcessTable.session(of: pid), session != pid,
            let zygote = zygotes.first(where: { $0.pid == session }),
            // Somebody else has the zygote's number, so its session has ended.
            zygote.isAlive || ProcessTable.startTicks(of: zygote.pid) == nil,
            ProcessTable.users(of: pid).contains(where: { $0.overlaps(users.ids) })
        else { return false }
        // A zombie runs no more; its parent may be slow to ask for its status.
        return ProcessTable.isRunning(pid)
    }

    /// Kills them and waits until they are gone, a second at most.
    /// - Returns: How many there were.
    func end() -> Int {
        let found = pids
        let killed = found.count { pid in ProcessTable.kill(pid) { isOne(pid) } }
        for _ in 0..<100 where found.contains(where: isOne) { usleep(10_000) }
        return killed
    }

    /// Zygotes that still have NFs.
    var zygotesInUse: [ProcessIdentity] {
        let sessions = Set(pids.compactMap(ProcessTable.session(of:)))
        return zygotes.filter { $0.isAlive || sessions.contains($0.pid) }
    }
}
