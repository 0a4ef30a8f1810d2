import CLinux
public import Linux

extension SystemCallPolicy {
    /// What the worker loop needs once its NF is set up: its own socket, its own channel, sleep, memory, exit.
    public static func worker(socket: CInt, tap: CInt, channel: CInt, log: CInt) -> SystemCallPolicy {
        let xsk = UInt32(bitPattern: socket)
        var policy = SystemCallPolicy()
        // Kick the TX ring of the one socket: no destination, no bytes.
        policy.allow(
            Int(SYS_sendto), .equals(argument: 0, xsk), .equals(argument: 2, 0),
            .equals(argument: 3, UInt32(MSG_DONTWAIT)))
        // Send a frame by the TAP device. Nothing else can be done with it: no ioctl(2), no read(2).
        if tap >= 0 { policy.allow(Int(SYS_write), .equals(argument: 0, UInt32(bitPattern: tap))) }
        // XDP_STATISTICS (option 7 at level SOL_XDP) of the one socket.
        policy.allow(
            Int(SYS_getsockopt), .equals(argument: 0, xsk), .equals(argument: 1, 283), .equals(argument: 2, 7))
        // Sleep until a frame, a command or a deadline.
        policy.allow(Int(SYS_ppoll))
        // Look for work, and let others have the CPU meanwhile.
        policy.allow(Int(SYS_sched_yield))
        policy.allow(Int(SYS_futex))
        policy.allow(Int(SYS_restart_syscall))
        // Commands from the manager, and the report that the NF is ready.
        policy.allow(Int(SYS_recvmsg), .equals(argument: 0, UInt32(bitPattern: channel)))
        policy.allow(Int(SYS_sendmsg), .equals(argument: 0, UInt32(bitPattern: channel)))
        // Clocks are vDSO calls; these serve hosts whose clock source has no vDSO.
        policy.allow(Int(SYS_clock_gettime))
        policy.allow(Int(SYS_gettimeofday))
        // The words of a crash (standard error), and the access log.
        policy.allow(Int(SYS_write), .equals(argument: 0, 2))
        policy.allow(Int(SYS_writev), .equals(argument: 0, 2))
        if log >= 0 { policy.allow(Int(SYS_write), .equals(argument: 0, UInt32(bitPattern: log))) }
        // Letting go of what it has.
        policy.allow(Int(SYS_close))
        // Memory of the allocator; never executable (PROT_EXEC is 4), never a file (MAP_ANONYMOUS is 0x20).
        policy.allow(Int(SYS_brk))
        policy.allow(
            Int(SYS_mmap), .clear(argument: 2, mask: 4), .equals(argument: 4, UInt32(bitPattern: -1)))
        policy.allow(Int(SYS_mprotect), .clear(argument: 2, mask: 4))
        policy.allow(Int(SYS_munmap))
        policy.allow(Int(SYS_madvise))
        // The end.
        policy.allow(Int(SYS_rt_sigreturn))
        policy.allow(Int(SYS_rt_sigprocmask))
        policy.allow(Int(SYS_exit))
        policy.allow(Int(SYS_exit_group))
        return policy
    }
}
