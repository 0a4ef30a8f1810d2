/// The timestamp clock of RFC 7323 §5.4: milliseconds, with an offset for each connection.
enum TimestampClock {
    static func value(_ nanoseconds: UInt64, offset: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: nanoseconds / 1_000_000) &+ offset
    }
}

/// The TSecr of an acknowledgment, on this end's clock.
struct TimestampEcho {
    let value: UInt32
    let offset: UInt32

    /// Whether the segment it echoes was sent before the clock of `sentAt`.
    func precedes(sentAt nanoseconds: UInt64) -> Bool {
        precedes(timestamp: TimestampClock.value(nanoseconds, offset: 0))
    }

    /// The same for a clock value without the connection's offset.
    func precedes(timestamp: UInt32) -> Bool {
        Int32(bitPattern: value &- offset &- timestamp) < 0
    }
}
