import CLinux
import Glibc
import Handover
import Linux

/// How a new process gets its weight, and into the control groups of its slot: before its first instruction of its own.
///
/// To move a process by `cgroup.procs` waits for an RCU grace period, 10 ms and more (cgroup_threadgroup_rwsem). Neither of
/// these does: a thread that moves itself by `tasks` (version 1), and clone3(2) into a group (version 2).
struct GroupEntry: ~Copyable {
    /// A directory, or -1.
    private let unified: CInt
    private let tasks: [CInt]
    private let niceness: CInt
    private var isMoving = false

    /// Owns the descriptors.
    init(_ request: SpawnRequest, _ groups: [CInt]) {
        unified = request.hasUnifiedGroup ? groups.first ?? -1 : -1
        niceness = request.niceness
        tasks = request.hasUnifiedGroup ? Array(groups.dropFirst()) : groups
    }

    /// fork(2). `reap` is called when the group is full: the process that had the slot before may still be a zombie.
    mutating func fork(reap: () -> Void) -> pid_t {
        guard unified >= 0 else { return CLinux_fork() }
        var pid = CLinux_fork_into(unified)
        if pid < 0, errno == EAGAIN {
            reap()
            pid = CLinux_fork_into(unified)
        }
        // A filter around this process may forbid clone3 (ENOSYS by convention): then the slow way.
        guard pid < 0, errno == ENOSYS else { return pid }
        isMoving = true
        return CLinux_fork()
    }

    /// In the child: the rest of the way. A process outside of its groups must not go on.
    func enter(orReportTo channel: CInt) {
        do throws(Errno) {
            if niceness != 0 {
                try Errno.check(setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness))
            }
            for file in tasks { try Self.moveHere(file) }
            if isMoving {
                let file = FileDescriptor(
                    owning: try Errno.check(unsafe openat(unified, "cgroup.procs", O_WRONLY | O_CLOEXEC)))
                try Self.moveHere(file.rawValue)
            }
        } catch {
            let manager = NFEnd(SequencedSocket(owning: FileDescriptor(owning: channel)))
            manager.reportFailure("cannot enter its control group, or take its weight: \(error)")
            exit(70)
        }
    }

    /// "0" is whoever writes.
    private static func moveHere(_ file: CInt) throws(Errno) {
        guard unsafe write(file, "0", 1) == 1 else { throw .current }
    }

    deinit {
        if unified >= 0 { _ = close(unified) }
        for file in tasks { _ = close(file) }
    }
}
