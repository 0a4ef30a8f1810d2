import Glibc
import HTTP1

extension FileCache {
    /// Where the Date value starts in every head: after "HTTP/1.1 200 OK" CRLF "Date: ".
    static var dateOffset: Int { 23 }

    /// Writes the head of a 200 response behind the path, with room for the Date.
    mutating func writeHead(_ index: UInt32, _ entry: inout FileEntry) {
        let head = (Int(entry.pathByteCount) + 8) & ~7
        var writer = text.writer(index, from: head)
        writer.append("HTTP/1.1 200 OK\r\nDate: ")
        writer.append("Thu, 01 Jan 1970 00:00:00 GMT")
        writer.append("\r\nServer: onvm\r\nContent-Type: ")
        var start = writer.count
        MediaType.append(forPath: text.bytes(index, 0..<Int(entry.pathByteCount)), to: &writer)
        entry.mediaType = ByteSlice(head + start, head + writer.count)
        writer.append("\r\n")
        let validators = writer.count
        writer.append("Last-Modified: ")
        HTTPDate.append(entry.modifiedSeconds, to: &writer)
        writer.append("\r\nETag: ")
        start = writer.count
        writer.append(octet: 0x22)
        writer.append(hexadecimal: UInt64(bitPattern: entry.modified))
        writer.append("-")
        writer.append(hexadecimal: entry.size)
        writer.append(octet: 0x22)
        entry.entityTag = ByteSlice(head + start, head + writer.count)
        writer.append("\r\nAccept-Ranges: bytes\r\n")
        entry.validators = ByteSlice(head + validators, head + writer.count)
        writer.append("Content-Length: ")
        writer.append(decimal: entry.size)
        writer.append("\r\n\r\n")
        entry.head = UInt16(head)
        entry.headByteCount = UInt16(writer.count)
    }
}

extension ByteWriter {
    /// Reads exactly `byteCount` bytes of a file; false if it has fewer (it was truncated) or cannot be read.
    mutating func append(reading descriptor: CInt, at offset: UInt64, _ byteCount: Int) -> Bool {
        var done = 0
        while done < byteCount {
            var length = 0
            unsafe appendUninitialized(byteCount &- done) { target in
                length = unsafe pread(descriptor, target.baseAddress, target.count, off_t(offset) &+ off_t(done))
                return max(0, length)
            }
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { return false }
            done &+= length
        }
        return true
    }
}
