import PacketHeaders

/// The control bits, RFC 9293 §3.1.
struct ControlBits: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let fin = ControlBits(rawValue: 1)
    static let syn = ControlBits(rawValue: 2)
    static let rst = ControlBits(rawValue: 4)
    static let psh = ControlBits(rawValue: 8)
    static let ack = ControlBits(rawValue: 16)
    static let urg = ControlBits(rawValue: 32)
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

    /// SEG.LEN: data, SYN and FIN.
    var length: UInt32 {
        payloadByteCount &+ (control.contains(.syn) ? 1 : 0) &+ (control.contains(.fin) ? 1 : 0)
    }

    /// False when the header does not fit the packet.
    mutating func parse(_ frame: RawSpan, _ packet: Packet) -> Bool {
        let start = packet.transport
        guard packet.end &- start >= Self.minimumByteCount, packet.end <= frame.byteCount else { return false }
        let headerByteCount = Int(frame.bigEndian(UInt8.self, at: start &+ 12) &>> 4) &* 4
        guard headerByteCount >= Self.minimumByteCount, start &+ headerByteCount <= packet.end else { return false }
        sourcePort = frame.bigEndian(at: start)
        destinationPort = frame.bigEndian(at: start &+ 2)
        sequence = SequenceNumber(frame.bigEndian(at: start &+ 4))
        acknowledgment = SequenceNumber(frame.bigEndian(at: start &+ 8))
        control = ControlBits(rawValue: frame.bigEndian(at: start &+ 13))
        window = frame.bigEndian(at: start &+ 14)
        payloadStart = start &+ headerByteCount
        payloadEnd = packet.end
        options.parse(frame, start &+ Self.minimumByteCount..<payloadStart)
        return true
    }
}
