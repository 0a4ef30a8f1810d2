import Glibc

/// CUBIC congestion control, RFC 9438, with appropriate byte counting in slow start (RFC 3465). Windows are in bytes.
struct Cubic: BitwiseCopyable {
    private(set) var window: UInt32
    private(set) var slowStartThreshold = UInt32.max
    /// W_max and K of the current epoch (§4.2), and when it began; zero is "no epoch".
    private var windowMaximum: Float = 0
    private var timeToMaximum: Float = 0
    private var epochStart: UInt64 = 0
    /// W_est, the window of a Reno flow (§4.3).
    private var renoWindow: Float = 0
    /// Fractions of a byte not added to the window yet.
    private var remainder: Float = 0
    /// What an undo restores.
    private var previousWindow: UInt32 = 0
    private var previousThreshold: UInt32 = 0

    /// C and beta of §5.
    private static let scale: Float = 0.4
    private static let decrease: Float = 0.7
    /// No window this module offers or takes is larger (RFC 7323 §2.3).
    private static let largest: Float = 1_073_741_824

    /// IW10, RFC 6928 §2.
    init(segmentSize: UInt32) { window = Self.initialWindow(segmentSize) }

    static func initialWindow(_ segmentSize: UInt32) -> UInt32 {
        min(10 &* segmentSize, max(2 &* segmentSize, 14_600))
    }

    var isInSlowStart: Bool { window < slowStartThreshold }

    /// `byteCount` were delivered while the window was the limit.
    mutating func grow(_ byteCount: UInt32, at now: Instant, smoothedRoundTrip: UInt64, segmentSize: UInt32) {
        var byteCount = byteCount
        if isInSlowStart {
            let growth = min(byteCount, slowStartThreshold &- window)
            window = window.addingReportingOverflow(growth).overflow ? window : window &+ growth
            byteCount &-= growth
            guard byteCount > 0 else { return }
        }
        avoidCongestion(Float(byteCount), at: now, smoothedRoundTrip: smoothedRoundTrip, Float(segmentSize))
    }

    private mutating func avoidCongestion(
        _ acknowledged: Float, at now: Instant, smoothedRoundTrip: UInt64, _ segmentSize: Float
    ) {
        let current = Float(window)
        if epochStart == 0 {
            epochStart = max(now.nanoseconds, 1)
            renoWindow = current
            remainder = 0
            if current < windowMaximum {
                timeToMaximum = cbrtf((windowMaximum - current) / segmentSize / Self.scale)
            } else {
                timeToMaximum = 0
                windowMaximum = current
            }
        }
        // W_est grows by alpha segments a window (§4.3); by one after it passed the old maximum.
        let alpha: Float = renoWindow < windowMaximum ? 3 * (1 - Self.decrease) / (1 + Self.decrease) : 1
        renoWindow += alpha * segmentSize * acknowledged / current
        let elapsed = Float(now.nanoseconds &- epochStart &+ smoothedRoundTrip) * 1e-9 - timeToMaximum
        let cubic = windowMaximum + Self.scale * elapsed * elapsed * elapsed * segmentSize
        if cubic < renoWindow {
            window = UInt32(min(max(renoWindow, current), Self.largest))
            return
        }
        let target = min(max(cubic, current), current * 1.5)
        remainder += (target - current) * acknowledged / current
        let whole = remainder.rounded(.down)
        remainder -= whole
        window = UInt32(min(current + whole, Self.largest))
    }

    /// A congestion event (§4.6, §4.7).
    mutating func reduce(segmentSize: UInt32) {
        previousWindow = window
        previousThreshold = slowStartThreshold
        let current = Float(window)
        windowMaximum = current < windowMaximum ? current * (1 + Self.decrease) / 2 : current
        slowStartThreshold = max(UInt32(current * Self.decrease), 2 &* segmentSize)
        window = slowStartThreshold
        epochStart = 0
    }

    /// The retransmission timer expired (§4.8): start again from one segment.
    mutating func collapse(isFirst: Bool, segmentSize: UInt32) {
        if isFirst { reduce(segmentSize: segmentSize) }
        window = segmentSize
        epochStart = 0
    }

    /// The reduction was for nothing (§4.9).
    mutating func undo() {
        guard previousWindow != 0 else { return }
        window = max(window, previousWindow)
        slowStartThreshold = max(slowStartThreshold, previousThreshold)
        previousWindow = 0
    }

    /// Leaves slow start here.
    mutating func leaveSlowStart() { slowStartThreshold = window }

    /// The window for the rest of a recovery, from proportional rate reduction, and at its end.
    mutating func setWindow(_ byteCount: UInt32) { window = byteCount }

    /// After an idle time longer than RTO the window is not known to fit any more (RFC 5681 §4.1).
    mutating func restart(segmentSize: UInt32) {
        window = min(window, Self.initialWindow(segmentSize))
        epochStart = 0
    }

    /// The epoch must not count time in which the application sent nothing (§5.8).
    mutating func excludeIdle(_ nanoseconds: UInt64) {
        if epochStart != 0 { epochStart &+= nanoseconds }
    }
}
