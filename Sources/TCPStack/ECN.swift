import PacketHeaders

/// Explicit congestion notification, RFC 3168.
enum ECN {
    /// The ECN field of the IP header (§5).
    static let mask: UInt8 = 3
    static let capable: UInt8 = 2
    static let congestionExperienced: UInt8 = 3
}

extension Stack {
    /// The receiver's side (§6.1.3): every segment says so until the sender answers that it slowed down.
    @inline(__always)
    mutating func noteCongestion(_ index: UInt32, _ packet: Packet, _ segment: SegmentHeader) {
        guard blocks[index].flags.contains(.congestionNotification) else { return }
        if segment.control.contains(.cwr) { blocks[index].flags.remove(.echoCongestion) }
        if packet.trafficClass & ECN.mask == ECN.congestionExperienced && segment.payloadByteCount > 0 {
            counters[.congestionExperienced] &+= 1
            if !blocks[index].flags.contains(.echoCongestion) { record(index, .congestionExperienced) }
            blocks[index].flags.insert(.echoCongestion)
            acknowledgeNow(index)
        }
    }

    /// The sender's side (§6.1.2): as if a segment were lost, but for the retransmission; once a window of data.
    @inline(__always)
    mutating func slowDownIfEchoed(_ index: UInt32, _ segment: SegmentHeader) {
        guard blocks[index].flags.contains(.congestionNotification), blocks[index].recovery.phase == .open else {
            return
        }
        if blocks[index].recovery.point < blocks[index].sendUnacknowledged {
            blocks[index].flags.remove(.slowingDown)
        }
        guard segment.control.contains(.ece), !blocks[index].flags.contains(.slowingDown) else { return }
        counters[.congestionEchoes] &+= 1
        blocks[index].flags.insert(.slowingDown)
        blocks[index].recovery.point = blocks[index].sendNext
        blocks[index].congestion.reduce(segmentSize: blocks[index].segmentSize)
        blocks[index].noteWindowReduced()
        record(index, .congestionEcho, blocks[index].congestion.window)
    }
}

extension TransmissionControlBlock {
    /// The next new data says CWR, whatever the window was reduced for (§6.1.2).
    mutating func noteWindowReduced() {
        if flags.contains(.congestionNotification) { flags.insert(.windowReduced) }
    }

    /// The control bits ECE and CWR of a segment. CWR goes with new data only (§6.1.2).
    mutating func congestionBits(isNewData: Bool) -> ControlBits {
        var bits: ControlBits = []
        if flags.contains(.echoCongestion) { bits.insert(.ece) }
        if isNewData && flags.contains(.windowReduced) {
            bits.insert(.cwr)
            flags.remove(.windowReduced)
        }
        return bits
    }
}
