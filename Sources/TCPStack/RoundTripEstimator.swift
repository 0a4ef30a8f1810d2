/// Round-trip time and retransmission timeout, RFC 6298, in nanoseconds.
struct RoundTripEstimator: BitwiseCopyable {
    private var storedSmoothed = ShortInterval(nanoseconds: 0)
    private var storedVariance = ShortInterval(nanoseconds: 0)
    private var storedMinimum = ShortInterval.longest
    private var storedTimeout: ShortInterval
    private var minimumSeconds: UInt32 = 0
    var backoff: UInt8 = 0

    private static let minimumLifetimeSeconds: UInt32 = 300

    init(initialTimeout: UInt64) { storedTimeout = ShortInterval(nanoseconds: initialTimeout) }

    var smoothed: UInt64 { storedSmoothed.nanoseconds }
    var variance: UInt64 { storedVariance.nanoseconds }
    /// The smallest sample of the last minutes (RFC 8985 §6.2 step 1 wants a windowed minimum); `max` before the first.
    var minimum: UInt64 { storedMinimum == .longest ? .max : storedMinimum.nanoseconds }
    /// RTO before backoff.
    var timeout: UInt64 { storedTimeout.nanoseconds }
    var hasSample: Bool { storedSmoothed.units != 0 }

    /// RTO with its exponential backoff (§5.5), bounded (§2.5).
    func timeout(limits: TimeoutLimits) -> UInt64 {
        min(timeout &<< UInt64(min(backoff, 16)), limits.maximum)
    }

    /// §2.2 and §2.3, with the bound on the variance term that keeps a constant RTT from timing out (§2.3, G).
    @inline(__always)
    mutating func sample(_ nanoseconds: UInt64, at now: Instant, limits: TimeoutLimits) {
        let sample = max(nanoseconds, ShortInterval.unit)
        var (smoothed, variance) = (self.smoothed, self.variance)
        if smoothed == 0 {
            smoothed = sample
            variance = sample / 2
        } else {
            let difference = smoothed > sample ? smoothed &- sample : sample &- smoothed
            variance = (variance &* 3 &+ difference) / 4
            smoothed = max(ShortInterval.unit, (smoothed &* 7 &+ sample) / 8)
        }
        storedSmoothed = ShortInterval(nanoseconds: smoothed)
        storedVariance = ShortInterval(nanoseconds: variance)
        let wanted = max(smoothed &+ max(variance &* 4, 1_000_000), limits.minimum)
        storedTimeout = ShortInterval(nanoseconds: min(wanted, limits.maximum))
    }

    /// The minimum takes samples that the estimate does not: those of the latest segment delivered.
    mutating func sampleMinimum(_ nanoseconds: UInt64, at now: Instant) {
        if nanoseconds <= minimum || now.seconds &- minimumSeconds > Self.minimumLifetimeSeconds {
            storedMinimum = ShortInterval(nanoseconds: max(nanoseconds, ShortInterval.unit))
            minimumSeconds = now.seconds
        }
    }
}

/// Bounds of the retransmission timeout, in nanoseconds.
struct TimeoutLimits: BitwiseCopyable {
    var minimum: UInt64
    var maximum: UInt64
}

/// A time of up to 275 s, which no round trip and no timeout exceeds, in units of 64 ns: half the size of its
/// nanoseconds. Longer ones are that long.
struct ShortInterval: Equatable, BitwiseCopyable {
    let units: UInt32

    static let unit: UInt64 = 64
    static let longest = ShortInterval(nanoseconds: .max)

    init(nanoseconds: UInt64) { units = UInt32(clamping: nanoseconds / Self.unit) }

    var nanoseconds: UInt64 { UInt64(units) &* Self.unit }
}
