/// The receive window (RFC 9293 §3.8.6), and when to tell the peer about it and about what arrived.
extension TransmissionControlBlock {
    /// The right edge this end would offer now, before silly-window avoidance.
    private var wantedRight: SequenceNumber {
        let room = receiveLimit > unreadByteCount ? receiveLimit &- unreadByteCount : 0
        return SequenceNumber.latest(receiveRight, receiveNext + room)
    }

    /// §3.8.6.2.2: the right edge moves by a segment, or by half the buffer, or not at all.
    private var sillyLimit: UInt32 { min(segmentSize, receiveLimit / 2) }

    /// The window that the SYN,ACK of a cookie offered.
    mutating func offerInitialWindow(_ byteCount: UInt32) { receiveRight = receiveNext + byteCount }

    /// Receive window tuning: a peer that fills more than half of the window in one round trip is held up by it, if the
    /// application keeps up (as in Fisk and Feng, "Dynamic right-sizing", 2001).
    @inline(__always)
    mutating func tuneReceiveWindow(limit: UInt32, at now: Instant) {
        guard receiveLimit < limit, flags.contains(.scaling) else { return }
        let elapsed = UInt64(now.microseconds &- roundStartMicroseconds) &* 1_000
        guard elapsed >= max(estimator.smoothed, 1_000_000) else { return }
        let received = receiveNext - roundStart
        // After a pause the round is longer than a round trip and tells nothing.
        if elapsed < 4 &* max(estimator.smoothed, 1_000_000) && received > receiveLimit / 2
            && unreadByteCount < receiveLimit / 4
        {
            receiveLimit = min(limit, max(receiveLimit, received) &* 2)
        }
        roundStartMicroseconds = now.microseconds
        roundStart = receiveNext
    }

    /// Whether the application's reading made room that is worth a segment: twice what one that carries data anyway
    /// would need, so that a fast reader does not answer each segment.
    var mayOfferMore: Bool {
        let growth = wantedRight - receiveRight
        return growth >= max(2 &* sillyLimit, receiveLimit / 4) || (receiveRight == receiveNext && growth >= sillyLimit)
    }

    /// The window field of the segment that is sent now; moves the right edge.
    @inline(__always)
    mutating func windowField(isSynchronize: Bool = false) -> UInt16 {
        let wanted = wantedRight
        if wanted - receiveRight >= sillyLimit { receiveRight = wanted }
        let window = receiveRight - receiveNext
        if isSynchronize {
            receiveRight = receiveNext + min(window, 65_535)
            return UInt16(min(window, 65_535))
        }
        let scaled = min(window &>> UInt32(receiveShift), 65_535)
        return UInt16(scaled)
    }
}

extension Stack {
    /// Bytes were accepted: an ACK for every second full segment, else within the delay (RFC 9293 §3.8.6.3). At the
    /// start of a connection each is acknowledged, for the sake of the peer's slow start.
    mutating func delayAcknowledgment(_ index: UInt32) {
        // Under pressure windows stay what they are.
        if receivePool.usedByteCount < receivePool.byteCount / 4 &* 3 {
            blocks[index].tuneReceiveWindow(limit: UInt32(configuration.maximumReceiveWindow), at: now)
        }
        let waiting = blocks[index].receiveNext - blocks[index].acknowledgedNext
        if waiting >= 2 &* blocks[index].segmentSize || blocks[index].quickAcknowledgments > 0 {
            if blocks[index].quickAcknowledgments > 0 { blocks[index].quickAcknowledgments &-= 1 }
            blocks[index].flags.insert(.acknowledge)
        } else if blocks[index].acknowledgmentDeadline == TransmissionControlBlock.never {
            blocks[index].acknowledgmentDeadline = now.nanoseconds &+ timing.delayedAcknowledgment
        }
    }
}
