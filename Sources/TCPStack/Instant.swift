/// A point in time on a monotonic clock. The stack reads no clock: every call that needs the time is given it.
@frozen public struct Instant: Comparable, Hashable, Sendable, BitwiseCopyable {
    public var nanoseconds: UInt64

    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// For what is kept small and compared modulo 2^32.
    var seconds: UInt32 { UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000) }
    var microseconds: UInt32 { UInt32(truncatingIfNeeded: nanoseconds / 1_000) }
    var milliseconds: UInt32 { UInt32(truncatingIfNeeded: nanoseconds / 1_000_000) }

    @inlinable public func advanced(byNanoseconds nanoseconds: UInt64) -> Instant {
        Instant(nanoseconds: self.nanoseconds &+ nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds; a negative duration is none.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return seconds < 0 ? 0 : UInt64(seconds) &* 1_000_000_000 &+ UInt64(max(0, attoseconds)) / 1_000_000_000
    }
}
