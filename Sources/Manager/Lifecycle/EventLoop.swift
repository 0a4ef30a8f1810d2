import CLinux
import Glibc
import Linux

/// Waits on descriptors and calls what was registered for them; the manager's only thread runs it (epoll(7)).
final class EventLoop {
    private let epoll: FileDescriptor
    private var watches: [CInt: Watch] = [:]
    private var lastGeneration: UInt32 = 0

    private struct Watch {
        /// Tells a descriptor from an earlier one of the same number, whose events may still be in a round.
        var generation: UInt32
        var handler: (Interest) -> Void
    }

    /// What a descriptor is watched for, and what it is ready for.
    struct Interest: OptionSet {
        let rawValue: UInt32
        static let read = Interest(rawValue: EPOLLIN.rawValue)
        static let write = Interest(rawValue: EPOLLOUT.rawValue)
        /// The other end is gone. Always reported.
        static let hangup = Interest(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    init() throws(Errno) {
        epoll = FileDescriptor(owning: try Errno.check(epoll_create1(CInt(EPOLL_CLOEXEC))))
    }

    /// Calls `handler` whenever `descriptor` is ready. Forget it before closing it.
    func watch(_ descriptor: CInt, for interest: Interest = .read, _ handler: @escaping (Interest) -> Void)
        throws(Errno)
    {
        lastGeneration &+= 1
        try control(EPOLL_CTL_ADD, descriptor, interest, lastGeneration)
        watches[descriptor] = Watch(generation: lastGeneration, handler: handler)
    }

    func change(_ descriptor: CInt, to interest: Interest) throws(Errno) {
        guard let watch = watches[descriptor] else { return }
        try control(EPOLL_CTL_MOD, descriptor, interest, watch.generation)
    }

    /// Harmless if it is not watched.
    func forget(_ descriptor: CInt) {
        guard watches.removeValue(forKey: descriptor) != nil else { return }
        try? control(EPOLL_CTL_DEL, descriptor, [], 0)
    }

    private func control(
        _ operation: CInt, _ descriptor: CInt, _ interest: Interest, _ generation: UInt32
    ) throws(Errno) {
        let tag = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        try Errno.check(CLinux_epoll_control(epoll.rawValue, operation, descriptor, interest.rawValue, tag))
    }

    /// Waits until something is ready or the deadline comes, and calls the handlers of all that is.
    func run(until deadline: MonotonicTime?) throws(Errno) {
        var tags = [UInt64](repeating: 0, count: 256)
        var ready = [UInt32](repeating: 0, count: tags.count)
        let timeout = Self.timeout(deadline)
        let count = unsafe CLinux_epoll_wait(epoll.rawValue, &tags, &ready, CInt(tags.count), timeout)
        guard count >= 0 else {
            if Errno.current == .interrupted { return }
            throw .current
        }
        for index in 0..<Int(count) {
            let descriptor = CInt(truncatingIfNeeded: tags[index])
            guard let watch = watches[descriptor], watch.generation == UInt32(tags[index] >> 32) else { continue }
            watch.handler(Interest(rawValue: ready[index]))
        }
    }

    /// Rounded up, so that a deadline has passed when its time is over.
    private static func timeout(_ deadline: MonotonicTime?) -> CInt {
        guard let deadline else { return -1 }
        let nanoseconds = (deadline - .now).nanoseconds
        return CInt(min((nanoseconds + 999_999) / 1_000_000, 60_000))
    }
}
