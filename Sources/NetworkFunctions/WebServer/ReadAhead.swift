import HTTP1

/// Windows of the files that are being sent, shared by all connections.
///
/// A segment's worth of pread(2) is mostly the price of the system call: read in windows and copied, 1,448 bytes cost
/// less than half. Mapping the files is not faster, and a file cut short would end the process with SIGBUS.
struct ReadAhead: ~Copyable {
    private struct Window: BitwiseCopyable {
        /// 0 is no file.
        var serial: UInt64 = 0
        var start: UInt64 = 0
        var end: UInt64 = 0
        /// Everything below was sent.
        var consumed: UInt64 = 0
        /// Count of uses of all windows at this one's last.
        var lastUse: UInt64 = 0
    }

    static var windowByteCount: Int { 32_768 }
    private static var windowCount: Int { 8 }
    /// A window nobody used for so many uses of others belongs to nobody.
    private static var staleUses: UInt64 { 1_024 }
    /// For less than this a window is not worth filling.
    private static var shortest: UInt64 { 4_096 }
    /// So much at a time is read where it is wanted: the system call is a small part of it, and a copy is spared.
    private static var longest: Int { 8_192 }

    private var bytes: ByteSlots
    private var windows = [8 of Window](repeating: Window())
    private var uses: UInt64 = 0
    /// The window of the last call, where the next one looks first.
    private var recent = 0

    init() throws(WebServerError) {
        bytes = try ByteSlots(slotByteCount: Self.windowByteCount, capacity: Self.windowCount)
    }

    /// Appends exactly `byteCount` bytes of a file; false if it has fewer or cannot be read.
    /// - Parameter isSequential: The bytes follow those sent before. Others, sent again after a loss, are read directly:
    ///   a window for them would cost the one in use.
    mutating func read(
        _ entry: FileEntry, _ offset: UInt64, _ byteCount: Int, isSequential: Bool, _ writer: inout ByteWriter
    ) -> Bool {
        guard byteCount < Self.longest else { return writer.append(reading: entry.descriptor, at: offset, byteCount) }
        var offset = offset
        let end = offset &+ UInt64(byteCount)
        while offset < end {
            var found = find(entry.serial, offset)
            if found == nil, isSequential, entry.size &- offset >= Self.shortest {
                found = fill(entry, offset)
            }
            guard let index = found else {
                return writer.append(reading: entry.descriptor, at: offset, Int(end &- offset))
            }
            let stop = min(end, windows[index].end)
            let from = Int(offset &- windows[index].start)
            writer.append(bytes.bytes(UInt32(index), from..<from &+ Int(stop &- offset)))
            uses &+= 1
            windows[index].lastUse = uses
            windows[index].consumed = max(windows[index].consumed, stop)
            recent = index
            offset = stop
        }
        return true
    }

    private func find(_ serial: UInt64, _ offset: UInt64) -> Int? {
        if contains(recent, serial, offset) { return recent }
        for index in 0..<Self.windowCount where contains(index, serial, offset) { return index }
        return nil
    }

    private func contains(_ index: Int, _ serial: UInt64, _ offset: UInt64) -> Bool {
        windows[index].serial == serial && windows[index].start <= offset && offset < windows[index].end
    }

    /// Reads a window that starts at `offset`. Nil if none is free or nothing could be read.
    private mutating func fill(_ entry: FileEntry, _ offset: UInt64) -> Int? {
        guard let index = claim(entry.serial, offset) else { return nil }
        windows[index].serial = 0
        var writer = bytes.writer(UInt32(index))
        let count = Int(min(UInt64(Self.windowByteCount), entry.size &- offset))
        guard writer.append(reading: entry.descriptor, at: offset, count) else { return nil }
        windows[index] = Window(
            serial: entry.serial, start: offset, end: offset &+ UInt64(count), consumed: offset, lastUse: uses)
        return index
    }

    /// The window that ends at `offset`, so that one download keeps to one window; else the one not used for the longest
    /// time, unless its reader is still at it. With more readers than windows, the others read directly.
    private func claim(_ serial: UInt64, _ offset: UInt64) -> Int? {
        var oldest = 0
        for index in 0..<Self.windowCount {
            if windows[index].serial == serial, windows[index].end == offset { return index }
            if windows[index].serial == 0 { return index }
            if windows[index].lastUse < windows[oldest].lastUse { oldest = index }
        }
        let isFinished = windows[oldest].consumed == windows[oldest].end
        return isFinished || uses &- windows[oldest].lastUse > Self.staleUses ? oldest : nil
    }
}
