import Testing

@testable import HTTP1

@Suite struct RequestPathTests {
    private func plain(_ path: String, capacity: Int = 64) -> String {
        let bytes = Array(path.utf8)
        var scratch = [UInt8](repeating: 0, count: capacity)
        return unsafe scratch.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            let slice = ByteSlice(0, bytes.count)
            var path = RequestPath()
            if let status = unsafe path.set(bytes.span.bytes, slice, scratch: &writer) { return "\(status.rawValue)" }
            let source = path.storage == .request ? bytes[...] : unsafe Array(buffer)[...]
            let text = String(decoding: source[path.bytes.range], as: UTF8.self)
            return text + (path.isDirectory ? "/" : "") + (path.hasDotFile ? " dot" : "")
        }
    }

    @Test(arguments: [
        ("", "/"), ("/", "/"), ("/a", "a"), ("/a/", "a/"), ("/a/b.c", "a/b.c"), ("//", "/"), ("//a//b", "a/b"),
        ("/a//", "a/"), ("/.", "/"), ("/./a", "a"), ("/a/.", "a/"), ("/a/..", "/"), ("/a/../b", "b"),
        ("/..", "/"), ("/../../etc/passwd", "etc/passwd"), ("/a/b/../../../c", "c"), ("/a/../..", "/"),
        ("/%2e%2e/%2E%2e/etc", "etc"), ("/a/%2e%2e/b", "b"), ("/%2e/a", "a"), ("/.%2e/a", "a"), ("/...", "... dot"),
        ("/%41%20b", "A b"), ("/%C3%A4", "\u{E4}"), ("/%25", "%"), ("/%252e%252e/a", "%2e%2e/a"),
        ("/%00", "400"), ("/a%00.html", "400"), ("/%", "400"), ("/%4", "400"), ("/%zz", "400"), ("/%4/", "400"),
        ("/%2F", "404"), ("/a%2fb", "404"), ("/..%2f..%2fetc/passwd", "404"), ("/..%5c..%5cx", "..\\..\\x dot"),
        ("/.git/config", ".git/config dot"), ("/a/.htaccess", "a/.htaccess dot"), ("/%2egit", ".git dot"),
        ("/a/.b/", "a/.b/ dot"), ("/a.", "a."), ("/a..", "a.."),
    ])
    func makesPlain(_ path: String, _ expected: String) {
        #expect(plain(path) == expected)
    }

    @Test func longPathsAreRefusedAndLeaveTheScratchUsable() {
        #expect(plain("/%61" + String(repeating: "a", count: 64)) == "414")
        #expect(plain("/%61" + String(repeating: "a", count: 63)) == String(repeating: "a", count: 64))
    }
}
