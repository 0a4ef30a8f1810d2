import CLinux
import CTrials
import Glibc
import TestSupport
import Testing

@testable import Linux
@testable import NetworkFunction

/// The worker's policy, call by call: each of its rules lets through what it is for, and nothing beside that.
@Suite struct WorkerSystemCallsTests {
    struct Call: CustomTestStringConvertible, Sendable {
        let what: String
        let number: Int
        let arguments: [UInt64]

        init(_ what: String, _ number: Int, _ arguments: UInt64...) {
            self.what = what
            self.number = number
            self.arguments = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        }

        var testDescription: String { what }
    }

    // None of them is open in a test: a call that passes fails with EBADF.
    static let (socket, tap, channel, log): (UInt64, UInt64, UInt64, UInt64) = (9_020, 9_021, 9_022, 9_023)
    static var policy: SystemCallPolicy {
        .worker(socket: CInt(socket), tap: CInt(tap), channel: CInt(channel), log: CInt(log))
    }

    static let minusOne = UInt64(bitPattern: -1)
    static let high: UInt64 = 1 << 32
    static let dontWait = UInt64(MSG_DONTWAIT)
    static let own = UInt64(getpid())

    static let allowed: [Call] = [
        Call("a frame to the TAP", Int(SYS_write), tap, 0, 0),
        Call("a line of the access log", Int(SYS_write), log, 0, 0),
        Call("last words", Int(SYS_write), 2, 0, 0),
        Call("last words of libc", Int(SYS_writev), 2, 0, 0),
        Call("kick the TX ring", Int(SYS_sendto), socket, 0, 0, dontWait, 0, 0),
        Call("XDP_STATISTICS", Int(SYS_getsockopt), socket, 283, 7, 0, 0),
        Call("sleep with two descriptors", Int(SYS_ppoll), 1, 2, 1, 0, 8),
        Call("sleep", Int(SYS_ppoll), 0, 0, 1, 0, 8),
        Call("yield", Int(SYS_sched_yield)),
        Call("CLOCK_REALTIME", Int(SYS_clock_gettime), 0, 0),
        Call("CLOCK_MONOTONIC_COARSE", Int(SYS_clock_gettime), 6, 0),
        Call("the end of pthread_once", Int(SYS_futex), 0, 129, 0),
        Call("a command", Int(SYS_recvmsg), channel, 0, dontWait | 0x4000_0000),
        Call("wait for the word", Int(SYS_recvmsg), channel, 0, 0x4000_0000),
        Call("a report", Int(SYS_sendmsg), channel, 0, dontWait | UInt64(MSG_NOSIGNAL)),
        Call("a larger heap", Int(SYS_brk), 0),
        Call("memory", Int(SYS_mmap), 0, 4096, 3, 0x22, minusOne, 0),
        Call("memory, read only", Int(SYS_mmap), 0, 4096, 1, 0x22, minusOne, 0),
        Call("a large table", Int(SYS_mmap), 0, 4096, 3, 0x4022, minusOne, 0),
        Call("give back memory", Int(SYS_munmap), 1, 0),
        Call("close", Int(SYS_close), 9_024),
        Call("the mask that abort(3) sets", Int(SYS_rt_sigprocmask), 1, 0, 0, 8),
        Call("own process ID", Int(SYS_getpid)),
        Call("own thread ID", Int(SYS_gettid)),
    ]

    /// The neighbours of what is allowed.
    static let forbidden: [Call] = [
        Call("write to another descriptor", Int(SYS_write), 9_030, 0, 0),
        Call("write to the socket", Int(SYS_write), socket, 0, 0),
        Call("write to the channel", Int(SYS_write), channel, 0, 0),
        Call("writev to the TAP", Int(SYS_writev), tap, 0, 0),
        Call("read from the TAP", Int(SYS_read), tap, 0, 0),
        Call("ioctl of the TAP", Int(SYS_ioctl), tap, 0x400454CA, 0),
        Call("sendto by another socket", Int(SYS_sendto), 9_030, 0, 0, dontWait, 0, 0),
        Call("sendto with a buffer", Int(SYS_sendto), socket, 4096, 0, dontWait, 0, 0),
        Call("sendto with a buffer far up", Int(SYS_sendto), socket, high, 0, dontWait, 0, 0),
        Call("sendto with bytes", Int(SYS_sendto), socket, 0, 1, dontWait, 0, 0),
        Call("sendto with 4 GiB", Int(SYS_sendto), socket, 0, high, dontWait, 0, 0),
        Call("sendto that waits", Int(SYS_sendto), socket, 0, 0, 0, 0, 0),
        Call("sendto with more flags", Int(SYS_sendto), socket, 0, 0, dontWait | 1, 0, 0),
        Call("sendto with a destination", Int(SYS_sendto), socket, 0, 0, dontWait, 4096, 0),
        Call("sendto with a destination far up", Int(SYS_sendto), socket, 0, 0, dontWait, high, 0),
        Call("sendto with a destination's length", Int(SYS_sendto), socket, 0, 0, dontWait, 0, 16),
        Call("options of another socket", Int(SYS_getsockopt), 9_030, 283, 7, 0, 0),
        Call("options of another level", Int(SYS_getsockopt), socket, 1, 7, 0, 0),
        Call("another option", Int(SYS_getsockopt), socket, 283, 1, 0, 0),
        Call("set an option", Int(SYS_setsockopt), socket, 283, 7, 0, 0),
        Call("sleep with many descriptors", Int(SYS_ppoll), 1, 4, 1, 0, 8),
        Call("sleep with a signal mask", Int(SYS_ppoll), 1, 2, 1, 4096, 8),
        Call("sleep with a signal mask far up", Int(SYS_ppoll), 1, 2, 1, high, 8),
        Call("the CPU clock of process 1", Int(SYS_clock_gettime), UInt64(UInt32(bitPattern: ~1 << 3 | 2)), 0),
        Call("a clock device", Int(SYS_clock_gettime), UInt64(UInt32(bitPattern: ~3 << 3 | 3)), 0),
        Call("CLOCK_BOOTTIME_ALARM", Int(SYS_clock_gettime), 9, 0),
        Call("wait for a futex", Int(SYS_futex), 0, 128, 0),
        Call("wake who shares memory", Int(SYS_futex), 0, 1, 0),
        Call("requeue a futex", Int(SYS_futex), 0, 131, 0),
        Call("receive from another descriptor", Int(SYS_recvmsg), 9_030, 0, dontWait | 0x4000_0000),
        Call("receive out of band", Int(SYS_recvmsg), channel, 0, 1),
        Call("look into the error queue", Int(SYS_recvmsg), channel, 0, 0x2000),
        Call("send to another descriptor", Int(SYS_sendmsg), 9_030, 0, dontWait | UInt64(MSG_NOSIGNAL)),
        Call("send out of band", Int(SYS_sendmsg), channel, 0, 1),
        Call("executable memory", Int(SYS_mmap), 0, 4096, 7, 0x22, minusOne, 0),
        Call("executable memory, large table", Int(SYS_mmap), 0, 4096, 5, 0x4022, minusOne, 0),
        Call("unknown protection", Int(SYS_mmap), 0, 4096, 3 | high, 0x22, minusOne, 0),
        Call("a mapped file", Int(SYS_mmap), 0, 4096, 3, 0x22, 5, 0),
        Call("a mapped file, large table", Int(SYS_mmap), 0, 4096, 3, 0x4022, 5, 0),
        Call("shared memory", Int(SYS_mmap), 0, 4096, 3, 0x21, minusOne, 0),
        Call("memory at a place of choice", Int(SYS_mmap), 4096, 4096, 3, 0x32, minusOne, 0),
        Call("locked memory", Int(SYS_mmap), 0, 4096, 3, 0x2022, minusOne, 0),
        Call("huge pages", Int(SYS_mmap), 0, 4096, 3, 0x4_0022, minusOne, 0),
        Call("unknown flags", Int(SYS_mmap), 0, 4096, 3, 0x22 | high, minusOne, 0),
        Call("make memory executable", Int(SYS_mprotect), 4096, 4096, 5),
        Call("make memory writable", Int(SYS_mprotect), 4096, 4096, 3),
        Call("advice about memory", Int(SYS_madvise), 4096, 4096, 4),
        Call("move memory", Int(SYS_mremap), 4096, 4096, 8192, 0),
        Call("last words elsewhere", Int(SYS_writev), 1, 0, 0),
        Call("abort another process", Int(SYS_tgkill), own + 1, own, 6),
        Call("abort another thread", Int(SYS_tgkill), own, own + 1, 6),
        Call("another signal to itself", Int(SYS_tgkill), own, own, 9),
        Call("kill", Int(SYS_kill), own + 1, 0),
        Call("another speculation", Int(SYS_prctl), 53, 0, 2),
    ]

    @Test(arguments: allowed) func theKernelLetsThrough(call: Call) {
        #expect(status(call) == 0)
    }

    @Test(arguments: forbidden) func theKernelEndsIt(call: Call) {
        #expect(status(call) & 0x7F == SIGSYS)
    }

    private func status(_ call: Call) -> CInt {
        unsafe CTrials_call(Self.policy.assembled(), UInt16(Self.policy.assembled().count), call.number, call.arguments)
    }

    /// Whatever the list above does not name is on no rule.
    @Test func nothingElseIsAllowed() {
        let filter = SystemCallFilter(Self.policy.assembled())
        let known = Set(Self.allowed.map(\.number)).union([Int(SYS_exit_group), Int(SYS_tgkill)])
        let allowed = (0..<1_024).filter { filter.allows($0, [0, 0, 0, 0, 0, 0]) }
        #expect(Set(allowed).isSubset(of: known))
        #expect(Set(Self.policy.rules.map(\.number)) == known)
    }

    /// The tables are complete: whichever condition is taken away, something forbidden would pass, and whichever rule,
    /// something allowed would not.
    @Test func eachConditionAndEachRuleIsTested() {
        let rules = Self.policy.rules
        for (index, rule) in rules.enumerated() {
            for condition in rule.conditions.indices {
                var changed = rules
                changed[index].conditions.remove(at: condition)
                let filter = SystemCallFilter(SystemCallPolicy(rules: changed).assembled())
                let passes = Self.forbidden.contains { filter.allows($0.number, $0.arguments) }
                #expect(passes, "no test of condition \(condition) of rule \(index), call \(rule.number)")
            }
            var changed = rules
            changed.remove(at: index)
            let filter = SystemCallFilter(SystemCallPolicy(rules: changed).assembled())
            // Those two are made elsewhere: by every child that ends, and by an NF that aborts.
            guard rule.number != Int(SYS_exit_group), rule.number != Int(SYS_tgkill) else { continue }
            let fails = Self.allowed.contains { !filter.allows($0.number, $0.arguments) }
            #expect(fails, "no test of rule \(index), call \(rule.number)")
        }
    }
}
