import PacketHeaders

/// The options of one segment (RFC 9293 §3.2). An option that is malformed ends the list; what came before it counts.
struct Options: BitwiseCopyable {
    var hasTimestamp = false
    var timestamp: UInt32 = 0
    var timestampEcho: UInt32 = 0
    /// SYN only; zero is "not given".
    var maximumSegmentSize: UInt16 = 0
    /// SYN only; 255 is "not given".
    var windowShift: UInt8 = 255
    var permitsSACK = false
    /// Where the SACK blocks start in the frame, and how many there are.
    var blockOffset = 0
    var blockCount = 0

    /// Option kinds, IANA.
    static let endKind: UInt8 = 0
    static let noOperationKind: UInt8 = 1
    static let maximumSegmentSizeKind: UInt8 = 2
    static let windowScaleKind: UInt8 = 3
    static let sackPermittedKind: UInt8 = 4
    static let sackKind: UInt8 = 5
    static let timestampsKind: UInt8 = 8

    /// Two NOPs, then timestamps: the form RFC 7323 appendix A recommends and every stack sends.
    static let alignedTimestamps: UInt32 = 0x0101_080A

    /// `range` must lie in the frame.
    @inline(__always)
    mutating func parse(_ frame: RawSpan, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        // Safe: the range lies in the frame, and all three reads in it.
        if range.count == 12,
            unsafe frame.uncheckedBigEndian(UInt32.self, at: range.lowerBound) == Self.alignedTimestamps
        {
            hasTimestamp = true
            timestamp = unsafe frame.uncheckedBigEndian(at: range.lowerBound &+ 4)
            timestampEcho = unsafe frame.uncheckedBigEndian(at: range.lowerBound &+ 8)
            return
        }
        parseAll(frame, range)
    }

    private mutating func parseAll(_ frame: RawSpan, _ range: Range<Int>) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let kind: UInt8 = frame.bigEndian(at: offset)
            if kind == Self.endKind { return }
            if kind == Self.noOperationKind {
                offset &+= 1
                continue
            }
            guard offset &+ 1 < range.upperBound else { return }
            let length = Int(frame.bigEndian(UInt8.self, at: offset &+ 1))
            guard length >= 2, offset &+ length <= range.upperBound else { return }
            take(kind, frame, offset, length)
            offset &+= length
        }
    }

    private mutating func take(_ kind: UInt8, _ frame: RawSpan, _ offset: Int, _ length: Int) {
        switch (kind, length) {
        case (Self.maximumSegmentSizeKind, 4): maximumSegmentSize = frame.bigEndian(at: offset &+ 2)
        case (Self.windowScaleKind, 3): windowShift = min(frame.bigEndian(at: offset &+ 2), 14)  // RFC 7323 §2.3
        case (Self.sackPermittedKind, 2): permitsSACK = true
        case (Self.sackKind, 10...) where (length - 2) % 8 == 0:
            blockOffset = offset &+ 2
            blockCount = (length - 2) / 8
        case (Self.timestampsKind, 10):
            hasTimestamp = true
            timestamp = frame.bigEndian(at: offset &+ 2)
            timestampEcho = frame.bigEndian(at: offset &+ 6)
        default: break
        }
    }

    /// The edges of a SACK block.
    func block(_ index: Int, _ frame: RawSpan) -> (start: SequenceNumber, end: SequenceNumber) {
        let offset = blockOffset &+ index &* 8
        return (SequenceNumber(frame.bigEndian(at: offset)), SequenceNumber(frame.bigEndian(at: offset &+ 4)))
    }
}
