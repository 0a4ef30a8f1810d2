import PacketHeaders

/// The control bits, RFC 9293 §3.1, and RFC 3168's.
struct ControlBits: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    /// Bit by bit; an array literal of several members may allocate an array in a debug build.
    static func | (left: ControlBits, right: ControlBits) -> ControlBits {
        ControlBits(rawValue: left.rawValue | right.rawValue)
    }

    static let fin = ControlBits(rawValue: 1)
    static let syn = ControlBits(rawValue: 2)
    static let rst = ControlBits(rawValue: 4)
    static let psh = ControlBits(rawValue: 8)
    static let ack = ControlBits(rawValue: 16)
    static let urg = ControlBits(rawValue: 32)
    static let ece = ControlBits(rawValue: 64)
    static let cwr = ControlBits(rawValue: 128)

}

/// A received segment's header, read once; lengths were checked against the packet.
struct SegmentHeader: BitwiseCopyable {
    var sequence = SequenceNumber(0)
    var acknowledgment = SequenceNumber(0)
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    /// Not scaled.
    var window: UInt16 = 0
    var control: ControlBits = []
    /// Offsets in the frame.
    var payloadStart = 0
    var payloadEnd = 0
    var options = Options()

    static let minimumByteCount = 20

    var payloadByteCount: UInt32 { UInt32(truncatingIfNeeded: payloadEnd &- payloadStart) }

    var withoutSYN: SegmentHeader {
        var segment = self
        segment.control.remove(.syn)
        segment.sequence += 1
        return segment
    }

    /// SEG.LEN: data, SYN and FIN.
    var length: UInt32 {
        payloadByteCount &+ (control.contains(.syn) ? 1 : 0) &+ (control.contains(.fin) ? 1 : 0)
    }

    /// False when the header does not fit the packet.
    @inline(__always)
    mutating func parse(_ frame: RawSpan, _ packet: Packet) -> Bool {
        let start = packet.transport
        guard packet.end &- start >= Self.minimumByteCount, packet.end <= frame.byteCount else { return false }
        // Safe: all reads are of the 20 bytes just counted.
        let ports: UInt32 = unsafe frame.uncheckedBigEndian(at: start)
        let last: UInt32 = unsafe frame.uncheckedBigEndian(at: start &+ 12)
        let headerByteCount = Int(last &>> 28) &* 4
        guard headerByteCount >= Self.minimumByteCount, start &+ headerByteCount <= packet.end else { return false }
        sourcePort = UInt16(truncatingIfNeeded: ports &>> 16)
        destinationPort = UInt16(truncatingIfNeeded: ports)
        sequence = SequenceNumber(unsafe frame.uncheckedBigEndian(at: start &+ 4))
        acknowledgment = SequenceNumber(unsafe frame.uncheckedBigEndian(at: start &+ 8))
        control = ControlBits(rawValue: UInt8(truncatingIfNeeded: last &>> 16))
        window = UInt16(truncatingIfNeeded: last)
        payloadStart = start &+ headerByteCount
        payloadEnd = packet.end
        options.parse(frame, start &+ Self.minimumByteCount..<payloadStart)
        return true
    }
}
