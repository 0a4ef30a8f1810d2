import Glibc

/// How long an NF that has nothing to do looks for work before it sleeps.
///
/// Waking a halted CPU, in a virtual machine above all, costs the waker and the woken several microseconds each. So the
/// NF looks a little longer when what it waited for came soon the last times, and not at all when it did not: an NF with
/// few requests sleeps at once. (The same idea as the kernel's cpuidle governor haltpoll,
/// Documentation/virt/guest-halt-polling.rst.) Between looks it offers its CPU to whoever wants it.
@frozen public struct IdleSpin: Sendable {
    /// Nanoseconds to look at most; 0: never.
    public let limit: UInt64
    /// Nanoseconds to look the next time.
    public private(set) var budget: UInt64 = 0

    public init(limit: UInt64) { self.limit = limit }

    /// The first that is worth a look, and below which it is not.
    @usableFromInline static var least: UInt64 { 8_000 }

    /// Work came `gap` nanoseconds after the last.
    @usableFromInline mutating func note(gap: UInt64) {
        if gap <= limit {
            budget = min(limit, max(Self.least, budget &* 2))
        } else {
            budget /= 2
            if budget < Self.least { budget = 0 }
        }
    }

    /// Offers the CPU to others; returns at once when nobody wants it (sched_yield(2)).
    @usableFromInline func yield() { sched_yield() }
}
