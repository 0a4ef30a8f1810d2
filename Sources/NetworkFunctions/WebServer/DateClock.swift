import Glibc
import HTTP1

/// The time of day, asked for once a second at most, and its text.
struct DateClock: ~Copyable {
    private var text: ByteSlots
    private var textSeconds = Int64.min
    private var seconds: Int64 = 0
    private var nextCheck: UInt64 = 0
    /// Replaces the system's clock in tests.
    var override: Int64?

    init() throws(WebServerError) { text = try ByteSlots(slotByteCount: 64) }

    /// Seconds since 1970.
    /// - Parameter now: The monotonic clock; decides when the system is asked again.
    mutating func seconds(at now: UInt64) -> Int64 {
        if let override { return override }
        if now >= nextCheck {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
            seconds = Int64(time.tv_sec)
            nextCheck = now &+ 1_000_000_000 &- UInt64(time.tv_nsec)
        }
        return seconds
    }

    /// The Date field's value.
    @_lifetime(&self)
    mutating func text(_ seconds: Int64) -> RawSpan {
        if seconds != textSeconds {
            var writer = text.writer()
            HTTPDate.append(seconds, to: &writer)
            textSeconds = seconds
        }
        return text.bytes(0..<HTTPDate.byteCount)
    }
}
