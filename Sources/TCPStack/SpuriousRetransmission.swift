/// Finding out that a retransmission was not needed, and undoing what it did to the congestion window: by timestamps
/// (the Eifel detection, RFC 3522, and response, RFC 4015), or because every retransmission was reported as a duplicate
/// (RFC 3708, with D-SACK).
struct SpuriousRetransmission: BitwiseCopyable {
    /// The clock, without a connection's offset, when the first retransmission of this recovery was sent.
    private var firstTimestamp: UInt32 = 0
    private var hasRetransmitted = false
    /// Retransmitted segments of this recovery that no D-SACK reported.
    private var unreportedCount: UInt16 = 0

    mutating func begin() {
        hasRetransmitted = false
        unreportedCount = 0
    }

    mutating func retransmitted(at now: Instant) {
        if !hasRetransmitted { firstTimestamp = TimestampClock.value(now.nanoseconds, offset: 0) }
        hasRetransmitted = true
        unreportedCount = min(unreportedCount, .max - 1) + 1
    }

    /// Whether an acknowledgment that moves SND.UNA shows that the original arrived.
    func isProven(by echo: TimestampEcho?) -> Bool {
        guard hasRetransmitted, let echo, echo.value != 0 else { return false }
        return echo.precedes(timestamp: firstTimestamp)
    }

    /// A D-SACK reported a retransmission. True when it was the last of them.
    mutating func reported() -> Bool {
        guard hasRetransmitted, unreportedCount > 0 else { return false }
        unreportedCount &-= 1
        return unreportedCount == 0
    }
}

extension Stack {
    /// Goes back to before the losses that were none.
    mutating func undo(_ index: UInt32) {
        counters[.spuriousRetransmissions] &+= 1
        blocks[index].spuriousCount.increment()
        blocks[index].congestion.undo()
        record(index, .undone, blocks[index].congestion.window)
        blocks[index].scoreboard.forgetLost(in: records.elements)
        blocks[index].recovery.phase = .open
        blocks[index].spurious.begin()
        blocks[index].flags.remove(.forceRetransmission)
        blocks[index].estimator.backoff = 0
    }
}
