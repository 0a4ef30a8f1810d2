/// Finding out that a retransmission was not needed, and undoing what it did to the congestion window: by timestamps
/// (the Eifel detection, RFC 3522, and response, RFC 4015), or because every retransmission was reported as a duplicate
/// (RFC 3708, with D-SACK).
struct SpuriousRetransmission: BitwiseCopyable {
    /// When the first retransmission of this recovery was sent; zero is none.
    private(set) var firstSentAt: UInt64 = 0
    /// Retransmitted segments of this recovery that no D-SACK reported.
    private var unreportedCount: UInt16 = 0

    mutating func begin() {
        firstSentAt = 0
        unreportedCount = 0
    }

    mutating func retransmitted(at now: Instant) {
        if firstSentAt == 0 { firstSentAt = now.nanoseconds }
        unreportedCount = min(unreportedCount, .max - 1) + 1
    }

    /// Whether an acknowledgment that moves SND.UNA shows that the original arrived.
    func isProven(by echo: TimestampEcho?) -> Bool {
        guard firstSentAt != 0, let echo, echo.value != 0 else { return false }
        return echo.precedes(sentAt: firstSentAt)
    }

    /// A D-SACK reported a retransmission. True when it was the last of them.
    mutating func reported() -> Bool {
        guard firstSentAt != 0, unreportedCount > 0 else { return false }
        unreportedCount &-= 1
        return unreportedCount == 0
    }
}

extension Stack {
    /// Goes back to before the losses that were none.
    mutating func undo(_ index: UInt32) {
        counters[.spuriousRetransmissions] &+= 1
        blocks[index].congestion.undo()
        blocks[index].scoreboard.forgetLost(in: records.elements)
        blocks[index].recovery.phase = .open
        blocks[index].spurious.begin()
        blocks[index].flags.remove(.forceRetransmission)
        blocks[index].estimator.backoff = 0
    }
}
