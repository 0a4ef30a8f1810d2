import Glibc
import HTTP1
import PacketHeaders

/// Lines in the combined format, collected in memory and written into a pipe when the buffer is full or a second has
/// passed. What the pipe does not take is dropped and counted: the log never makes a client wait.
struct AccessLog: ~Copyable {
    private var buffer: ByteSlots
    private let descriptor: CInt
    private var byteCount = 0
    /// The buffer begins with the rest of a line whose beginning the pipe took: it must go before anything else.
    private var beginsWithinLine = false
    private var nextFlush: UInt64 = 0
    private(set) var droppedLineCount: UInt64 = 0

    static var bufferByteCount: Int { 65_536 }
    private static var fieldByteCountLimit: Int { 1_024 }
    /// Three fields, every byte of them escaped, and the rest of a line.
    private static var lineByteCountLimit: Int { 3 * 4 * fieldByteCountLimit + 256 }
    private static var flushInterval: UInt64 { 1_000_000_000 }

    init(_ descriptor: CInt) throws(WebServerError) {
        buffer = try ByteSlots(slotByteCount: Self.bufferByteCount)
        self.descriptor = descriptor
    }

    deinit { _ = Self.write(descriptor, buffer.unownedBytes(0, 0..<byteCount)) }

    /// `address - - [time] "request line" status bytes "referer" "user agent"`
    mutating func append(
        _ peer: Address, _ seconds: Int64, _ head: RequestHead, _ bytes: RawSpan, _ response: Response, _ now: UInt64
    ) {
        if Self.bufferByteCount &- byteCount < Self.lineByteCountLimit { flush(now) }
        var writer = buffer.writer(from: byteCount)
        writer.append(address: peer)
        writer.append(" - - [")
        HTTPDate.appendLogForm(seconds, to: &writer)
        writer.append("] \"")
        Self.append(head.requestLine, bytes, &writer)
        writer.append("\" ")
        writer.append(decimal: Int(response.status.rawValue), digits: 3)
        writer.append(" ")
        writer.append(decimal: response.isHead ? 0 : response.contentByteCount)
        writer.append(" \"")
        Self.append(head.referer, bytes, &writer)
        writer.append("\" \"")
        Self.append(head.userAgent, bytes, &writer)
        writer.append("\"\n")
        byteCount &+= writer.count
        flushIfDue(now)
    }

    /// When the lines that are collected should be in the file.
    var deadline: UInt64 { byteCount > 0 ? nextFlush : .max }

    mutating func flushIfDue(_ now: UInt64) {
        if now >= deadline { flush(now) }
    }

    mutating func flush(_ now: UInt64) {
        nextFlush = now &+ Self.flushInterval
        let taken = Self.write(descriptor, buffer.bytes(0..<byteCount))
        if taken == byteCount {
            byteCount = 0
            beginsWithinLine = false
        } else {
            dropLines(from: taken)
        }
    }

    /// The pipe is full. Only the rest of a line that it has the beginning of is kept.
    private mutating func dropLines(from taken: Int) {
        let bytes = buffer.unownedBytes(0, 0..<byteCount)
        if taken > 0 { beginsWithinLine = bytes.octet(taken &- 1) != 0x0A }
        var end = taken
        if beginsWithinLine {
            while end < byteCount, bytes.octet(end) != 0x0A { end &+= 1 }
            end = min(end &+ 1, byteCount)
        }
        for offset in end..<byteCount where bytes.octet(offset) == 0x0A { droppedLineCount &+= 1 }
        var writer = buffer.writer()
        // Memory of one buffer, moved to its front: what is copied is not read again.
        writer.append(bytes.extracting(taken..<end))
        byteCount = end &- taken
    }

    /// Returns how many bytes were taken.
    private static func write(_ descriptor: CInt, _ bytes: RawSpan) -> Int {
        unsafe bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                // Safe: done < count.
                let count = unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count &- done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                done &+= count
            }
            return done
        }
    }

    /// A field as the client sent it, with everything that could forge a line escaped; "-" if there is none.
    private static func append(_ slice: ByteSlice, _ bytes: RawSpan, _ writer: inout ByteWriter) {
        guard slice.isPresent, !slice.isEmpty else {
            writer.append("-")
            return
        }
        for offset in slice.range.prefix(fieldByteCountLimit) {
            let byte = bytes.octet(offset)
            if byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C {
                writer.append("\\x")
                writer.append(hexadecimal: UInt64(byte), digits: 2)
            } else {
                writer.append(octet: byte)
            }
        }
    }
}

extension ByteWriter {
    /// Dotted decimal, or the form of RFC 5952.
    mutating func append(address: Address) {
        if address.isIPv4 {
            let bytes = UInt32(bigEndian: address.ipv4)
            for shift in stride(from: 24 as UInt32, through: 0, by: -8) {
                append(decimal: UInt64(bytes >> shift & 0xFF))
                if shift > 0 { append(".") }
            }
            return
        }
        let (start, count) = Self.longestZeros(address)
        var index = 0
        while index < 8 {
            if count > 1, index == start {
                append("::")
                index += count
                continue
            }
            if index > 0, !(count > 1 && index == start + count) { append(":") }
            append(hexadecimal: UInt64(Self.group(address, index)))
            index += 1
        }
    }

    private static func group(_ address: Address, _ index: Int) -> UInt16 {
        let half = UInt64(bigEndian: index < 4 ? address.high : address.low)
        return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
    }

    private static func longestZeros(_ address: Address) -> (start: Int, count: Int) {
        var best = (start: 0, count: 0)
        var run = 0
        for index in 0..<8 {
            run = group(address, index) == 0 ? run + 1 : 0
            if run > best.count { best = (index + 1 - run, run) }
        }
        return best
    }
}
