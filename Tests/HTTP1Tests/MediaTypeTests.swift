import Testing

@testable import HTTP1

@Suite struct MediaTypeTests {
    private func type(_ path: String) -> String {
        let bytes = Array(path.utf8)
        var text = [UInt8](repeating: 0, count: 256)
        return unsafe text.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            unsafe MediaType.append(forPath: bytes.span.bytes, to: &writer)
            return unsafe String(decoding: buffer[..<writer.count], as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("a.html", "text/html; charset=utf-8"), ("A.HTM", "text/html; charset=utf-8"),
        ("x/y.css", "text/css; charset=utf-8"), ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"), ("a.json", "application/json"), ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"), ("a.jpeg", "image/jpeg"), ("a.webp", "image/webp"), ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"),
        ("a.xml", "application/xml"),
        ("a.tar.gz", "application/gzip"), ("a.txt", "text/plain; charset=utf-8"), ("a.ico", "image/vnd.microsoft.icon"),
        ("a", "application/octet-stream"), ("a.", "application/octet-stream"), ("", "application/octet-stream"),
        ("a.unheardof", "application/octet-stream"), ("dir.html/a", "application/octet-stream"),
        ("a.=", "application/octet-stream"), ("a. ", "application/octet-stream"),
        ("a.0123456789012345678901234567890123456789", "application/octet-stream"),
    ])
    func knows(_ path: String, _ expected: String) {
        #expect(type(path) == expected)
    }

    /// Binary search over text is only right if the text is in order and every record well formed.
    @Test func everyRecordIsFound() {
        let records = String(describing: MediaTypeTable.records).split(separator: " ")
        #expect(records.count > 1_000)
        var previous = ""
        for record in records {
            let parts = record.split(separator: "=", maxSplits: 1).map(String.init)
            #expect(parts.count == 2)
            #expect(previous.utf8.lexicographicallyPrecedes(parts[0].utf8), "\(parts[0])")
            previous = parts[0]
            let isFound = type("x." + parts[0]).hasPrefix(parts[1])
            #expect(isFound, "\(record)")
        }
    }
}
