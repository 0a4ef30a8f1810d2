import Glibc
public import Handover

/// Turns the bytes of one NF into lines that say whose they are. Nothing in them but printable ASCII gets through as it
/// is, so no line can be forged and no terminal be spoken to.
public struct LogLines {
    private let form: LogForm
    /// Whose a line is, after the time at its beginning or at its end.
    private let prefix: [UInt8]
    private let suffix: [UInt8]
    /// The beginning of a line whose end has not come.
    private var partial: [UInt8] = []
    /// What comes up to the next end of a line belongs to one that is in the log already, cut.
    private var skips = false

    /// Longer lines are cut. The access log of an NF has lines of 12,544 bytes at most; a line of standard error goes
    /// into its pipe whole or not at all (PIPE_BUF, pipe(7)), every byte of it escaped.
    static func byteCountLimit(_ form: LogForm) -> Int { form == .access ? 16_384 : 960 }

    public init(form: LogForm, source: LogSource) {
        self.form = form
        // The manager's own words; whatever they are, they are part of one line.
        var name: [UInt8] = []
        let text = Array(source.name.utf8.prefix(80))
        unsafe text.withUnsafeBytes { unsafe _ = Self.append($0, to: &name) }
        prefix = form == .errors ? Array(" nf ".utf8) + name + Array(": ".utf8) : []
        suffix = (form == .access ? Array(" nf=".utf8) + name : []) + [0x0A]
    }

    /// Takes what was read. `stamp` is the time, for lines that begin with it.
    public mutating func take(
        _ bytes: RawSpan, stamp: [UInt8], into output: inout LogBuffer, counting counts: inout LogCounts
    ) {
        unsafe bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                // Safe: start < count.
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
                guard let length = unsafe Self.lengthOfLine(rest) else {
                    unsafe hold(rest, stamp, &output, &counts)
                    return
                }
                unsafe end(UnsafeRawBufferPointer(rebasing: rest[..<length]), stamp, &output, &counts)
                start += length + 1
            }
        }
    }

    /// The NF is gone. The last words of standard error are a line; the beginning of a line of an access log is none.
    public mutating func finish(stamp: [UInt8], into output: inout LogBuffer, counting counts: inout LogCounts) {
        guard !partial.isEmpty else { return }
        if form == .errors {
            writePartial(isCut: false, stamp, &output, &counts)
        } else {
            partial = []
            counts.cut &+= 1
        }
    }

    private static func lengthOfLine(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let found = unsafe memchr(base, 0x0A, bytes.count) else { return nil }
        return unsafe UnsafeRawPointer(found) - base
    }

    /// A line ends after `bytes`.
    private mutating func end(
        _ bytes: UnsafeRawBufferPointer, _ stamp: [UInt8], _ output: inout LogBuffer, _ counts: inout LogCounts
    ) {
        if skips {
            skips = false
            return
        }
        if partial.isEmpty, bytes.count <= Self.byteCountLimit(form) {
            unsafe write(bytes, isCut: false, stamp, &output, &counts)
            return
        }
        let isCut = partial.count + bytes.count > Self.byteCountLimit(form)
        unsafe partial.append(contentsOf: bytes.prefix(Self.byteCountLimit(form) - partial.count))
        writePartial(isCut: isCut, stamp, &output, &counts)
    }

    /// Keeps the beginning of a line, or ends it where it is too long.
    private mutating func hold(
        _ bytes: UnsafeRawBufferPointer, _ stamp: [UInt8], _ output: inout LogBuffer, _ counts: inout LogCounts
    ) {
        guard !skips else { return }
        unsafe partial.append(contentsOf: bytes.prefix(Self.byteCountLimit(form) - partial.count + 1))
        guard partial.count > Self.byteCountLimit(form) else { return }
        partial.removeLast()
        writePartial(isCut: true, stamp, &output, &counts)
        skips = true
    }

    private mutating func writePartial(
        isCut: Bool, _ stamp: [UInt8], _ output: inout LogBuffer, _ counts: inout LogCounts
    ) {
        unsafe partial.withUnsafeBytes { unsafe write($0, isCut: isCut, stamp, &output, &counts) }
        partial.removeAll(keepingCapacity: true)
    }

    private func write(
        _ line: UnsafeRawBufferPointer, isCut: Bool, _ stamp: [UInt8], _ output: inout LogBuffer,
        _ counts: inout LogCounts
    ) {
        // An end without a line: nothing to say, and the cheapest way to fill a disk.
        guard unsafe !line.isEmpty else { return }
        if form == .errors {
            output.bytes += stamp
            output.bytes += prefix
        }
        if unsafe Self.append(line, to: &output.bytes) { counts.escaped &+= 1 }
        if isCut {
            output.bytes += [0x2E, 0x2E, 0x2E]
            counts.cut &+= 1
        }
        output.bytes += suffix
    }

    /// Appends what is printable ASCII as it is and every other byte as \xNN.
    /// - Returns: Whether there was such a byte.
    private static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
        // Without a branch in it, the compiler looks at many bytes at a time.
        var found: UInt8 = 0
        for unsafe byte in unsafe bytes { found |= isPrintable(byte) ? 0 : 1 }
        guard found != 0 else {
            unsafe output.append(contentsOf: bytes)
            return false
        }
        for unsafe byte in unsafe bytes {
            if isPrintable(byte) {
                output.append(byte)
            } else {
                output += [0x5C, 0x78, digit(byte >> 4), digit(byte & 15)]
            }
        }
        return true
    }

    private static func isPrintable(_ byte: UInt8) -> Bool { byte &- 0x20 <= 0x5E }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
