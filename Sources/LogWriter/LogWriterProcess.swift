import CLinux
import Glibc
import Handover
import Linux

/// The process `onvm-nf --log-writer FD`: between NFs and a log that outlives them.
///
/// It reads what NFs write, so it is as unprivileged as they are: a user of its own, no capability, empty namespaces,
/// and no system calls but those that its loop makes. It can write to one descriptor, which it was handed open.
public enum LogWriterProcess {
    /// Does not return if this process was started as a log writer.
    public static func runIfAsked() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, arguments[1] == LogStart.option else { return }
        guard let channel = CInt(arguments[2]), channel > 2 else {
            complain("onvm-nf: \(LogStart.option) is for 'onvm run', which starts it. It has no use by itself.\n")
            exit(64)
        }
        closeOthers(keeping: channel)
        // A terminal's Ctrl-C is for the manager, and a reader of the output that goes away is an error to count.
        _ = setsid()
        _ = signal(SIGPIPE, SIG_IGN)
        // Reads the time zone while there are files.
        tzset()
        name("onvm-log")
        do {
            try serve(LogWriterServer(SequencedSocket(owning: FileDescriptor(owning: channel))))
            exit(0)
        } catch {
            complain("onvm-nf: log writer: \(error)\n")
            exit(1)
        }
    }

    private static func serve(_ manager: consuming LogWriterServer) throws {
        guard case .start(let start) = try manager.nextCommand(waits: true),
            case .output(let file, let output) = try manager.nextCommand(waits: true)
        else { throw HandoverError.unexpectedMessage("not what to write, and where") }
        let epoll = FileDescriptor(owning: try Errno.check(epoll_create1(CInt(EPOLL_CLOEXEC))))
        let policy = SystemCallPolicy.logWriter(
            channel: manager.socket.descriptor.rawValue, epoll: epoll.rawValue, output: output)
        try enterSandbox(start, policy)
        try manager.reportReady()
        var loop = LogWriterLoop(manager: manager, start: start, file: file, epoll: epoll, output: output)
        loop.run()
    }

    private static func enterSandbox(_ start: LogStart, _ policy: SystemCallPolicy) throws {
        let null = try FileDescriptor(opening: "/dev/null", flags: O_RDWR)
        try Sandbox.enterEmptyNamespaces()
        try Sandbox.emptyBoundingSet()
        try Sandbox.limit(.coreByteCount, to: 0)
        try Sandbox.limit(.processes, to: 0)
        try Sandbox.limit(.lockedByteCount, to: 0)
        try Sandbox.becomeUser(start.userID)
        _ = try Sandbox.restrictFiles(readableDirectory: -1)
        // From here on it says nothing: how it ends tells the manager, and its standard error may be a terminal.
        for standard in 0...2 as ClosedRange<CInt> { _ = dup2(null.rawValue, standard) }
        try Sandbox.install(policy)
    }

    private static func closeOthers(keeping descriptor: CInt) {
        if descriptor > 3 { _ = CLinux_close_range(3, UInt32(descriptor - 1)) }
        _ = CLinux_close_range(UInt32(descriptor + 1), .max)
    }

    private static func name(_ name: String) {
        _ = unsafe name.withCString { CLinux_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0, 0, 0) }
    }

    private static func complain(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
    }
}

extension SystemCallPolicy {
    static func logWriter(channel: CInt, epoll: CInt, output: CInt) -> SystemCallPolicy {
        let (channel, epoll) = (UInt32(bitPattern: channel), UInt32(bitPattern: epoll))
        let output = UInt32(bitPattern: output)
        var policy = SystemCallPolicy()
        // Pipes of NFs, whichever numbers they get.
        policy.allow(Int(SYS_read))
        policy.allow(Int(SYS_write), .equals(argument: 0, output))
        // Another file becomes the output; nothing becomes anything else.
        #if arch(x86_64)
        policy.allow(Int(SYS_dup2), .equals(argument: 1, output))
        policy.allow(Int(SYS_epoll_wait), .equals(argument: 0, epoll))
        #else
        policy.allow(Int(SYS_dup3), .equals(argument: 1, output))
        #endif
        policy.allow(Int(SYS_epoll_pwait), .equals(argument: 0, epoll))
        policy.allow(Int(SYS_epoll_ctl), .equals(argument: 0, epoll))
        policy.allow(Int(SYS_ppoll))
        policy.allow(Int(SYS_recvmsg), .equals(argument: 0, channel))
        policy.allow(Int(SYS_sendmsg), .equals(argument: 0, channel))
        policy.allow(Int(SYS_close))
        // Clocks are vDSO calls; these serve hosts whose clock source has no vDSO.
        policy.allow(Int(SYS_clock_gettime))
        policy.allow(Int(SYS_gettimeofday))
        policy.allow(Int(SYS_futex))
        policy.allow(Int(SYS_restart_syscall))
        // Memory of the allocator; never executable (PROT_EXEC is 4), never a file (MAP_ANONYMOUS is 0x20).
        policy.allow(Int(SYS_brk))
        policy.allow(Int(SYS_mmap), .clear(argument: 2, mask: 4), .equals(argument: 4, UInt32(bitPattern: -1)))
        policy.allow(Int(SYS_mprotect), .clear(argument: 2, mask: 4))
        policy.allow(Int(SYS_mremap))
        policy.allow(Int(SYS_munmap))
        policy.allow(Int(SYS_madvise))
        policy.allow(Int(SYS_rt_sigreturn))
        policy.allow(Int(SYS_rt_sigprocmask))
        policy.allow(Int(SYS_exit))
        policy.allow(Int(SYS_exit_group))
        return policy
    }
}
