/// The media type of a file, by the extension of its name.
public enum MediaType {
    /// Where in the table a media type is.
    private struct Name {
        let start: Int
        let count: Int
    }

    private static var longestExtension: Int { 32 }

    /// Appends the type of a file called `path`, or `application/octet-stream` when its extension is unknown.
    public static func append(forPath path: RawSpan, to writer: inout ByteWriter) {
        guard let name = name(forPath: path) else {
            writer.append("application/octet-stream")
            return
        }
        let records = MediaTypeTable.records
        // Safe: the table is static, and the record lies within it.
        let type = unsafe UnsafeRawBufferPointer(start: records.utf8Start + name.start, count: name.count).bytes
        writer.append(type)
        // RFC 6657 §3: what text is encoded in should be said.
        if type.byteCount > 5, type.equals("text/", in: 0..<5) { writer.append("; charset=utf-8") }
    }

    private static func name(forPath path: RawSpan) -> Name? {
        var start = path.byteCount
        while start > 0 {
            let byte = path.octet(start &- 1)
            if byte == ASCII.slash { return nil }
            if byte == ASCII.period { break }
            start &-= 1
        }
        guard start > 0, start < path.byteCount, path.byteCount &- start <= longestExtension else { return nil }
        return find(path, start..<path.byteCount)
    }

    /// Binary search over text: a probe goes back to the start of the record it hit.
    // Safe: indices stay within [low, high), and every record has an equals sign and ends in a space.
    private static func find(_ path: RawSpan, _ fileExtension: Range<Int>) -> Name? {
        let records = MediaTypeTable.records
        let text = unsafe UnsafeBufferPointer(start: records.utf8Start, count: records.utf8CodeUnitCount)
        var low = 0
        var high = text.count
        while low < high {
            var start = low &+ (high &- low) / 2
            while start > low, unsafe text[start &- 1] != ASCII.space { start &-= 1 }
            var end = start
            while unsafe text[end] != ASCII.space { end &+= 1 }
            var equals = start
            while unsafe text[equals] != 0x3D { equals &+= 1 }
            let key = unsafe UnsafeBufferPointer(rebasing: text[start..<equals])
            let order = unsafe compare(path, fileExtension, key)
            if order == 0 { return Name(start: equals &+ 1, count: end &- equals &- 1) }
            if order < 0 { high = start } else { low = end &+ 1 }
        }
        return nil
    }

    private static func compare(
        _ path: RawSpan, _ fileExtension: Range<Int>, _ key: UnsafeBufferPointer<UInt8>
    ) -> Int {
        for index in 0..<min(fileExtension.count, key.count) {
            var byte = path.octet(fileExtension.lowerBound &+ index)
            if byte &- 0x41 < 26 { byte |= 0x20 }
            let expected = unsafe key[index]
            if byte != expected { return Int(byte) &- Int(expected) }
        }
        return fileExtension.count &- key.count
    }
}
