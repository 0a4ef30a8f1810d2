public import Handover

/// Lines that wait to be written.
public struct LogBuffer {
    var bytes: [UInt8] = []
    private var written = 0
    /// Lines are written one by one, so that none of somebody else's gets between the parts of one.
    private let isLineByLine: Bool

    public init(form: LogForm) { isLineByLine = form == .errors }

    public var isEmpty: Bool { written == bytes.count }
    public var byteCount: Int { bytes.count - written }

    /// The part to write next.
    public var next: Range<Int> {
        guard isLineByLine, let end = bytes[written...].firstIndex(of: 0x0A) else { return written..<bytes.count }
        return written..<(end + 1)
    }

    public func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe bytes.withUnsafeBytes { unsafe body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The output took this much of it.
    public mutating func wrote(_ count: Int, counting counts: inout LogCounts) {
        unsafe bytes[written..<(written + count)].withUnsafeBufferPointer { unsafe counts.lines &+= Self.ends(in: $0) }
        counts.bytes &+= UInt64(count)
        written += count
        guard isEmpty else { return }
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
        written = 0
    }

    /// There is another output. A line that the last one has the beginning of does not go on in this one.
    public mutating func outputChanged(counting counts: inout LogCounts) {
        guard written > 0, bytes[written - 1] != 0x0A else { return }
        counts.cut &+= 1
        let end = bytes[written...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
        bytes.removeSubrange(..<end)
        written = 0
    }

    private static func ends(in bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var count: UInt64 = 0
        for unsafe byte in unsafe bytes { count &+= byte == 0x0A ? 1 : 0 }
        return count
    }
}
