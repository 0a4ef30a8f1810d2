import PacketHeaders

/// Urgent data, RFC 9293 §3.8.5 and RFC 6093: it is delivered in line, and an application may be told where it ends.
/// The pointer is that of the first byte that is not urgent.
extension Stack {
    /// The URG bit, RFC 9293 §3.10.7.4 sixth.
    mutating func urgentArrives(
        _ index: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader, _ arrival: inout Arrival
    ) {
        switch blocks[index].state {
        case .established, .finWait1, .finWait2: break
        default: return
        }
        let pointer: UInt16 = frame.bigEndian(at: packet.transport &+ 18)
        let end = segment.sequence + UInt32(pointer)
        let isNew = !blocks[index].flags.contains(.urgent) || blocks[index].receiveUrgent < end
        guard blocks[index].readNext < end, isNew else { return }
        counters[.urgentSegments] &+= 1
        blocks[index].receiveUrgent = end
        blocks[index].flags.insert(.urgent)
        arrival.events.insert(.urgent)
    }

    /// Bytes up to the end of the peer's urgent data that the application has not taken, arrived or not.
    public func urgentByteCount(_ connection: ConnectionID) -> Int {
        guard let index = index(of: connection), blocks[index].flags.contains(.urgent),
            blocks[index].readNext < blocks[index].receiveUrgent
        else { return 0 }
        return Int(blocks[index].receiveUrgent - blocks[index].readNext)
    }

    /// All bytes promised so far are urgent: segments say so until the peer acknowledged them. New applications should
    /// not use it (RFC 6093 §5).
    public mutating func markUrgent(_ connection: ConnectionID) {
        guard let index = index(of: connection), blocks[index].isSynchronized,
            blocks[index].acknowledgedOffset < blocks[index].promisedOffset,
            blocks[index].promisedOffset - blocks[index].acknowledgedOffset < 1 << 31
        else { return }
        let count = UInt32(blocks[index].promisedOffset - blocks[index].acknowledgedOffset)
        blocks[index].sendUrgent = blocks[index].sendUnacknowledged + count
        blocks[index].flags.insert(.sendUrgent)
        // The peer learns of it even if its window is closed.
        acknowledgeNow(index)
    }

    /// Adds the pointer to a segment that begins before the end of the urgent data.
    mutating func writeUrgent(
        _ index: UInt32, _ plan: Plan, _ frame: inout MutableRawSpan, _ writer: SegmentWriter, _ control: ControlBits
    ) {
        let end = blocks[index].sendUrgent
        if end <= blocks[index].sendUnacknowledged {
            blocks[index].flags.remove(.sendUrgent)
        } else if plan.sequence < end {
            writer.writeUrgent(&frame, control, pointer: UInt16(clamping: end - plan.sequence))
        }
    }
}
