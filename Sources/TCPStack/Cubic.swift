import Glibc

/// CUBIC congestion control, RFC 9438, with appropriate byte counting in slow start (RFC 3465). Windows are in bytes.
struct Cubic: BitwiseCopyable {
    /// The cubic curve, which nothing needs before the first slow start is over.
    private struct Curve: BitwiseCopyable {
        /// When the current epoch began; zero is "no epoch".
        var epochStart: UInt64 = 0
        /// W_max and K (§4.2).
        var windowMaximum: Float = 0
        var timeToMaximum: Float = 0
        /// W_est, the window of a Reno flow (§4.3).
        var renoWindow: Float = 0
        /// Fractions of a byte not added to the window yet.
        var remainder: Float = 0
    }

    /// One memory for two times of life.
    private enum Phase: BitwiseCopyable {
        case firstSlowStart(HyStart)
        case avoidance(Curve)
    }

    private var phase: Phase
    private(set) var window: UInt32
    private(set) var slowStartThreshold = UInt32.max
    /// What an undo restores.
    private var previousWindow: UInt32 = 0
    private var previousThreshold: UInt32 = 0

    /// C and beta of §5.
    private static let scale: Float = 0.4
    private static let decrease: Float = 0.7
    /// No window this module offers or takes is larger (RFC 7323 §2.3).
    private static let largest: Float = 1_073_741_824

    /// IW10, RFC 6928 §2.
    init(segmentSize: UInt32, sendNext: SequenceNumber) {
        window = Self.initialWindow(segmentSize)
        phase = .firstSlowStart(HyStart(sendNext: sendNext))
    }

    static func initialWindow(_ segmentSize: UInt32) -> UInt32 {
        min(10 &* segmentSize, max(2 &* segmentSize, 14_600))
    }

    var isInSlowStart: Bool { window < slowStartThreshold }

    private var curve: Curve {
        get {
            if case .avoidance(let curve) = phase { return curve }
            return Curve()
        }
        set { phase = .avoidance(newValue) }
    }

    /// What HyStart++ makes of an acknowledgment in the first slow start (RFC 9406 §4.3: the threshold of a later one
    /// is an estimate already): how much of it the window grows by.
    mutating func searchThreshold(
        _ byteCount: UInt32, _ acknowledgment: SequenceNumber, sendNext: SequenceNumber, roundTrip: UInt64
    ) -> UInt32 {
        guard slowStartThreshold == .max else { return byteCount }
        var hyStart = HyStart(sendNext: sendNext)
        if case .firstSlowStart(let running) = phase { hyStart = running }
        let isOver = hyStart.acknowledge(acknowledgment, sendNext: sendNext, roundTrip: roundTrip)
        phase = .firstSlowStart(hyStart)
        if isOver { leaveSlowStart() }
        return hyStart.growth(byteCount)
    }

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
        var curve = curve
        defer { self.curve = curve }
        if curve.epochStart == 0 {
            curve.epochStart = max(now.nanoseconds, 1)
            curve.renoWindow = current
            curve.remainder = 0
            if current < curve.windowMaximum {
                curve.timeToMaximum = cbrtf((curve.windowMaximum - current) / segmentSize / Self.scale)
            } else {
                curve.timeToMaximum = 0
                curve.windowMaximum = current
            }
        }
        // W_est grows by alpha segments a window (§4.3); by one after it passed the old maximum.
        let alpha: Float = curve.renoWindow < curve.windowMaximum ? 3 * (1 - Self.decrease) / (1 + Self.decrease) : 1
        curve.renoWindow += alpha * segmentSize * acknowledged / current
        let elapsed = Float(now.nanoseconds &- curve.epochStart &+ smoothedRoundTrip) * 1e-9 - curve.timeToMaximum
        let cubic = curve.windowMaximum + Self.scale * elapsed * elapsed * elapsed * segmentSize
        if cubic < curve.renoWindow {
            window = UInt32(min(max(curve.renoWindow, current), Self.largest))
            return
        }
        let target = min(max(cubic, current), current * 1.5)
        curve.remainder += (target - current) * acknowledged / current
        let whole = curve.remainder.rounded(.down)
        curve.remainder -= whole
        window = UInt32(min(current + whole, Self.largest))
    }

    /// A congestion event (§4.6, §4.7).
    mutating func reduce(segmentSize: UInt32) {
        previousWindow = window
        previousThreshold = slowStartThreshold
        let current = Float(window)
        var curve = curve
        curve.windowMaximum = current < curve.windowMaximum ? current * (1 + Self.decrease) / 2 : current
        curve.epochStart = 0
        self.curve = curve
        slowStartThreshold = max(UInt32(current * Self.decrease), 2 &* segmentSize)
        window = slowStartThreshold
    }

    /// The retransmission timer expired (§4.8): start again from one segment.
    mutating func collapse(isFirst: Bool, segmentSize: UInt32) {
        if isFirst { reduce(segmentSize: segmentSize) }
        window = segmentSize
        endEpoch()
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
        endEpoch()
    }

    private mutating func endEpoch() {
        guard case .avoidance(var curve) = phase else { return }
        curve.epochStart = 0
        phase = .avoidance(curve)
    }
}
