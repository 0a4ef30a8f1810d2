/// Where the sender stands with losses, and proportional rate reduction (RFC 6937) while it repairs them.
struct Recovery: BitwiseCopyable {
    var phase = RecoveryPhase.open
    /// SND.NXT when the phase began; it ends when this is acknowledged.
    var point = SequenceNumber(0)
    /// RFC 6937 §3: prr_delivered, prr_out, RecoverFS.
    private var delivered: UInt32 = 0
    private(set) var transmitted: UInt32 = 0
    private var flightSize: UInt32 = 0

    /// Enters fast recovery.
    mutating func begin(_ point: SequenceNumber, flightSize: UInt32) {
        phase = .fast
        self.point = point
        delivered = 0
        transmitted = 0
        self.flightSize = max(flightSize, 1)
    }

    mutating func transmit(_ byteCount: UInt32) {
        if phase == .fast { transmitted &+= byteCount }
    }

    /// The congestion window after an acknowledgment (§3.1, with the slow-start reduction bound while it moves SND.UNA
    /// and shows no further loss).
    mutating func window(
        delivered newlyDelivered: UInt32, pipe: UInt32, threshold: UInt32, segmentSize: UInt32, isSafe: Bool
    ) -> UInt32 {
        delivered &+= newlyDelivered
        var sendCount: UInt32
        if pipe > threshold {
            let share = (UInt64(delivered) &* UInt64(threshold) &+ UInt64(flightSize) &- 1) / UInt64(flightSize)
            sendCount = share > UInt64(transmitted) ? UInt32(truncatingIfNeeded: share) &- transmitted : 0
        } else {
            let conserved = delivered > transmitted ? delivered &- transmitted : 0
            let limit = isSafe ? max(conserved, newlyDelivered) &+ segmentSize : max(conserved, newlyDelivered)
            sendCount = min(threshold &- pipe, limit)
        }
        // The first retransmission is never held back.
        if transmitted == 0 { sendCount = max(sendCount, segmentSize) }
        return pipe &+ sendCount
    }
}
