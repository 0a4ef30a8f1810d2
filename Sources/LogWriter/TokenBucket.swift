/// What one NF may write: so many bytes a second in the long run, and so many at once.
///
/// What was read has to be paid for when it is known how long it is in the log: the level may go below zero.
public struct TokenBucket {
    private let bytesPerSecond: Int64
    private let burst: Int64
    private var level: Int64
    private var filledAt: UInt64

    /// Full. Times are nanoseconds of one clock.
    public init(bytesPerSecond: UInt32, burstByteCount: UInt32, now: UInt64) {
        self.bytesPerSecond = max(1, Int64(bytesPerSecond))
        burst = max(1, Int64(burstByteCount))
        level = burst
        filledAt = now
    }

    /// Whether anything may be taken now.
    public mutating func hasRoom(at now: UInt64) -> Bool {
        fill(at: now)
        return level > 0
    }

    public mutating func take(_ byteCount: Int) { level -= Int64(byteCount) }

    /// When an eighth of the burst may be taken: waiting for every single byte would cost more than the bytes.
    public mutating func nextRoom(at now: UInt64) -> UInt64 {
        fill(at: now)
        let wanted = min(max(1, burst / 8) - level, 1 << 40)
        guard wanted > 0 else { return now }
        // A minute at most; who has not paid by then is asked again.
        return now &+ UInt64(min(wanted * 1_000_000 / bytesPerSecond + 1, 60_000_000)) * 1_000
    }

    private mutating func fill(at now: UInt64) {
        guard now > filledAt else { return }
        // A minute at most, so that the product has room; the bucket is full after seconds.
        let microseconds = Int64(min(now - filledAt, 60_000_000_000) / 1_000)
        let gain = microseconds * bytesPerSecond / 1_000_000
        // Time goes on only when there is a byte for it.
        guard gain > 0 else { return }
        filledAt = now
        level = min(burst, level + gain)
    }
}
