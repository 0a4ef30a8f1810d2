/// Round-trip time and retransmission timeout, RFC 6298, in nanoseconds.
struct RoundTripEstimator: BitwiseCopyable {
    var smoothed: UInt64 = 0
    var variance: UInt64 = 0
    /// The smallest sample of the last windows (RFC 8985 §6.2 step 1 wants a windowed minimum).
    var minimum = UInt64.max
    /// RTO before backoff.
    private(set) var timeout: UInt64
    private var minimumSeconds: UInt32 = 0
    var backoff: UInt8 = 0

    private static let minimumLifetimeSeconds: UInt32 = 300

    init(initialTimeout: UInt64) { timeout = initialTimeout }

    var hasSample: Bool { smoothed != 0 }

    /// RTO with its exponential backoff (§5.5), bounded (§2.5).
    func timeout(limits: TimeoutLimits) -> UInt64 {
        min(timeout &<< UInt64(min(backoff, 16)), limits.maximum)
    }

    /// §2.2 and §2.3, with the bound on the variance term that keeps a constant RTT from timing out (§2.3, G).
    @inline(__always)
    mutating func sample(_ nanoseconds: UInt64, at now: Instant, limits: TimeoutLimits) {
        let sample = max(nanoseconds, 1)
        if smoothed == 0 {
            smoothed = sample
            variance = sample / 2
        } else {
            let difference = smoothed > sample ? smoothed &- sample : sample &- smoothed
            variance = (variance &* 3 &+ difference) / 4
            smoothed = max(1, (smoothed &* 7 &+ sample) / 8)
        }
        timeout = min(max(smoothed &+ max(variance &* 4, 1_000_000), limits.minimum), limits.maximum)
    }

    /// The minimum takes samples that the estimate does not: those of the latest segment delivered.
    mutating func sampleMinimum(_ nanoseconds: UInt64, at now: Instant) {
        if nanoseconds <= minimum || now.seconds &- minimumSeconds > Self.minimumLifetimeSeconds {
            minimum = max(nanoseconds, 1)
            minimumSeconds = now.seconds
        }
    }
}

/// Bounds of the retransmission timeout, in nanoseconds.
struct TimeoutLimits: BitwiseCopyable {
    var minimum: UInt64
    var maximum: UInt64
}
