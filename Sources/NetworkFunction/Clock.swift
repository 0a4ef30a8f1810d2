public import TCPStack
import Glibc

extension Instant {
    /// CLOCK_MONOTONIC now; a vDSO call, not a system call.
    public static var current: Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }
}
