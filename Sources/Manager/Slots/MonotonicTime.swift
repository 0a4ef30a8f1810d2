import Glibc

/// A point on CLOCK_MONOTONIC, which telemetry pages and eBPF programs count on as well.
struct MonotonicTime: Comparable, Hashable {
    var nanoseconds: UInt64

    static let zero = MonotonicTime(nanoseconds: 0)

    static var now: MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
    static func + (time: MonotonicTime, span: Span) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds + span.nanoseconds)
    }
    /// Zero if `right` is later.
    static func - (left: MonotonicTime, right: MonotonicTime) -> Span {
        Span(nanoseconds: left.nanoseconds > right.nanoseconds ? left.nanoseconds - right.nanoseconds : 0)
    }

    struct Span: Comparable {
        var nanoseconds: UInt64
        static func milliseconds(_ count: Int) -> Span { Span(nanoseconds: UInt64(count) * 1_000_000) }
        static func < (left: Span, right: Span) -> Bool { left.nanoseconds < right.nanoseconds }
        var seconds: Double { Double(nanoseconds) / 1e9 }
    }
}

/// Seconds since the epoch (CLOCK_REALTIME).
struct WallTime: Equatable {
    var seconds: Double

    static var now: WallTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }
}
