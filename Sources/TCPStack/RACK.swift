/// RACK: loss detection by the time segments were sent (RFC 8985 §6).
struct RACK: BitwiseCopyable {
    /// RACK.xmit_ts, RACK.end_seq and RACK.rtt: the most recently sent segment known to be delivered.
    private(set) var sentAt: UInt64 = 0
    private(set) var end = SequenceNumber(0)
    private var storedRoundTrip = ShortInterval(nanoseconds: 0)
    /// RACK.fack: the highest sequence number delivered.
    private var forwardAcknowledgment: SequenceNumber
    /// RACK.dsack_round, while `isDuplicateRound`.
    private var duplicateRound = SequenceNumber(0)
    private var isDuplicateRound = false
    private(set) var reorderingSeen = false
    private var windowMultiplier: UInt8 = 1
    private var windowPersist: UInt8 = 0

    private var roundTrip: UInt64 { storedRoundTrip.nanoseconds }

    init(initial: SequenceNumber) { forwardAcknowledgment = initial }

    /// Steps 2 and 3 for one range.
    @inline(__always)
    mutating func deliver(
        _ record: Transmission, end: SequenceNumber, at now: Instant, echo: TimestampEcho?, minimumRoundTrip: UInt64
    ) {
        let sample = now.nanoseconds &- record.sentAt
        let isRetransmitted = record.marks.contains(.retransmitted)
        if forwardAcknowledgment < end {
            forwardAcknowledgment = end
        } else if end < forwardAcknowledgment && !isRetransmitted {
            reorderingSeen = true
        }
        if isRetransmitted {
            // The acknowledgment may be of an earlier transmission.
            if let echo, echo.precedes(sentAt: record.sentAt) { return }
            if minimumRoundTrip != UInt64.max && sample < minimumRoundTrip { return }
        }
        storedRoundTrip = ShortInterval(nanoseconds: sample)
        if Self.sentAfter(record.sentAt, end, sentAt, self.end) {
            sentAt = record.sentAt
            self.end = end
        }
    }

    @inline(__always)
    private static func sentAfter(
        _ time: UInt64, _ end: SequenceNumber, _ otherTime: UInt64, _ otherEnd: SequenceNumber
    ) -> Bool {
        time > otherTime || (time == otherTime && otherEnd < end)
    }

    /// Step 4: a D-SACK widens the reordering window once a round trip.
    mutating func adaptWindow(
        sawDuplicate: Bool, acknowledgment: SequenceNumber, sendNext: SequenceNumber, leavesRecovery: Bool
    ) {
        if isDuplicateRound && duplicateRound <= acknowledgment { isDuplicateRound = false }
        if sawDuplicate && !isDuplicateRound {
            isDuplicateRound = true
            duplicateRound = sendNext
            windowMultiplier = min(windowMultiplier &+ 1, 64)
            windowPersist = 16
        } else if leavesRecovery && windowPersist > 0 {
            windowPersist &-= 1
            if windowPersist == 0 { windowMultiplier = 1 }
        }
    }

    /// RACK.reo_wnd, bounded by SRTT. `isCertain`: in recovery, or three segments (DupThresh) are sacked.
    func reorderingWindow(isCertain: Bool, estimator: RoundTripEstimator) -> UInt64 {
        if !reorderingSeen && isCertain { return 0 }
        guard estimator.minimum != UInt64.max else { return 0 }
        return min(UInt64(windowMultiplier) &* (estimator.minimum / 4), estimator.smoothed)
    }

    /// Step 5: marks what should have been delivered by now.
    /// - Returns: after how many nanoseconds to look again, or nil.
    func detectLosses(
        window: UInt64, at now: Instant, _ scoreboard: inout SACKScoreboard, in records: borrowing Pool<Transmission>
    ) -> UInt64? {
        guard sentAt != 0 else { return nil }
        var timeout: UInt64 = 0
        var index = scoreboard.head
        while index != noIndex {
            let record = records.elements[index]
            let isOlder = Self.sentAfter(sentAt, end, record.sentAt, record.end)
            // Beyond the last retransmission, later ranges were sent later still.
            if !isOlder && scoreboard.retransmittedEnd <= record.start { break }
            if isOlder && record.marks.isDisjoint(with: .sacked | .lost) {
                let due = record.sentAt &+ roundTrip &+ window
                if due <= now.nanoseconds {
                    scoreboard.markLost(index, in: records)
                } else {
                    timeout = max(timeout, due &- now.nanoseconds)
                }
            }
            index = record.next
        }
        return timeout == 0 ? nil : timeout
    }

    /// §6.3: after a timeout, the first range and all older than a round trip are lost.
    func markLossesOnTimeout(
        window: UInt64, at now: Instant, _ scoreboard: inout SACKScoreboard, in records: borrowing Pool<Transmission>
    ) {
        var index = scoreboard.head
        while index != noIndex {
            let record = records.elements[index]
            let isOld = record.sentAt &+ roundTrip &+ window <= now.nanoseconds
            if !record.marks.contains(.sacked) && (index == scoreboard.head || isOld) {
                scoreboard.markLost(index, in: records)
            }
            index = record.next
        }
    }
}
