import CLinux
import Glibc
public import Linux

extension SystemCallPolicy {
    /// What the worker loop needs once its NF is set up: its own socket, its own channel, sleep, memory, exit. Nothing
    /// is here without a caller: the loop, the allocator, or libc when it gives up. An NF that needs more says so
    /// (`HostedService.allowSystemCalls`).
    public static func worker(socket: CInt, tap: CInt, channel: CInt, log: CInt) -> SystemCallPolicy {
        var policy = SystemCallPolicy()
        // The first are the most frequent: rules are tried in this order.
        policy.allowTransmission(UInt32(bitPattern: socket), tap)
        policy.allowWaiting()
        policy.allowMessages(UInt32(bitPattern: channel))
        policy.allowMemory()
        policy.allowWords(log)
        // Letting go of what it has.
        policy.allow(Int(SYS_close))
        policy.allow(Int(SYS_exit_group))
        return policy
    }

    private mutating func allowTransmission(_ xsk: UInt32, _ tap: CInt) {
        // Send a frame by the TAP device. Nothing else can be done with it: no ioctl(2), no read(2).
        if tap >= 0 { allow(Int(SYS_write), .equals(argument: 0, UInt32(bitPattern: tap))) }
        // Kick the TX ring of the one socket: no bytes, no destination.
        allow(
            Int(SYS_sendto), .equals(argument: 0, xsk), .equalsWord(argument: 1, 0), .equalsWord(argument: 2, 0),
            .equals(argument: 3, UInt32(MSG_DONTWAIT)), .equalsWord(argument: 4, 0), .equals(argument: 5, 0))
        // XDP_STATISTICS (option 7 at level SOL_XDP) of the one socket.
        allow(Int(SYS_getsockopt), .equals(argument: 0, xsk), .equals(argument: 1, 283), .equals(argument: 2, 7))
    }

    private mutating func allowWaiting() {
        // Sleep until a frame, a command or a deadline: three descriptors at most, and no other signal mask.
        allow(Int(SYS_ppoll), .clear(argument: 1, mask: ~3), .equalsWord(argument: 3, 0))
        // Look for work, and let others have the CPU meanwhile.
        allow(Int(SYS_sched_yield))
        // Clocks are vDSO calls; this serves hosts whose clock source has no vDSO. The first eight only: the numbers of
        // other processes' CPU clocks are negative (clock_getcpuclockid(3)).
        allow(Int(SYS_clock_gettime), .clear(argument: 0, mask: ~7))
        // FUTEX_WAKE | FUTEX_PRIVATE_FLAG: the end of pthread_once(3), by which lazy globals are initialised. A single
        // thread has nobody to wait for.
        allow(Int(SYS_futex), .equals(argument: 1, 129))
    }

    private mutating func allowMessages(_ channel: UInt32) {
        // Commands from the manager, and the report that the NF is ready.
        let receiving = UInt32(MSG_DONTWAIT) | MSG_CMSG_CLOEXEC_
        allow(Int(SYS_recvmsg), .equals(argument: 0, channel), .clear(argument: 2, mask: ~receiving))
        let sending = UInt32(MSG_DONTWAIT) | UInt32(MSG_NOSIGNAL)
        allow(Int(SYS_sendmsg), .equals(argument: 0, channel), .clear(argument: 2, mask: ~sending))
    }

    /// What the allocator does: never executable, never shared, never a file, never at a place of the caller's choice,
    /// and the protection of a page is never changed. Nothing calls madvise(2).
    private mutating func allowMemory() {
        allow(Int(SYS_brk))
        for flags in [MAP_PRIVATE | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE] {
            allow(
                Int(SYS_mmap), .clearWord(argument: 2, mask: ~UInt64(PROT_READ | PROT_WRITE)),
                .equalsWord(argument: 3, UInt64(flags)), .equals(argument: 4, UInt32(bitPattern: -1)))
        }
        allow(Int(SYS_munmap))
    }

    /// The access log, and the words of a crash: standard error, and SIGABRT to itself as abort(3) sends it.
    private mutating func allowWords(_ log: CInt) {
        if log >= 0 { allow(Int(SYS_write), .equals(argument: 0, UInt32(bitPattern: log))) }
        allow(Int(SYS_write), .equals(argument: 0, 2))
        allow(Int(SYS_writev), .equals(argument: 0, 2))
        allow(Int(SYS_rt_sigprocmask))
        allow(Int(SYS_getpid))
        allow(Int(SYS_gettid))
        let process = UInt32(bitPattern: getpid())
        allow(
            Int(SYS_tgkill), .equals(argument: 0, process), .equals(argument: 1, process),
            .equals(argument: 2, UInt32(SIGABRT)))
    }
}

/// Behind _GNU_SOURCE (recvmsg(2)).
private let MSG_CMSG_CLOEXEC_: UInt32 = 0x4000_0000
