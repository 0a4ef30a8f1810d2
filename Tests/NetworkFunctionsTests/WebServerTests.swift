import Testing

@testable import NetworkFunctions

/// What a client gets for one request, against a document root on disk.
@Suite struct WebServerTests {
    let root = DocumentRoot()

    init() {
        root.write("index.html", "<p>home</p>\n")
        root.write("a.txt", "0123456789")
        root.write("empty.bin", "")
        root.write(".secret", "no")
        root.makeDirectory("dir")
        root.write("dir/index.html", "dir index")
        root.makeDirectory("bare")
        root.write("with space.txt", "space")
    }

    func client(_ change: (inout WebServerConfiguration) -> Void = { _ in }) -> Client {
        Client(root.server(change))
    }

    static func status(_ response: String) -> Int { Int(response.dropFirst(9).prefix(3)) ?? 0 }
    static func body(_ response: String) -> String {
        let bytes = Array(response.utf8)
        guard let end = bytes.indices.dropLast(3).first(where: { bytes[$0..<$0 + 4] == [13, 10, 13, 10] }) else {
            return ""
        }
        return String(decoding: bytes[(end + 4)...], as: UTF8.self)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "<p>home</p>\n"),
        ("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /a.txt?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET http://h/a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /%61.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /with%20space.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "space"),
        ("GET //dir/.././/a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /dir/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "dir index"),
        ("GET /empty.bin HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
        ("GET /a.txt HTTP/1.0\r\n\r\n", 200, "0123456789"),
        ("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
        ("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, ""),
        ("\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
    ])
    func answers(_ request: String, _ status: Int, _ body: String) {
        var client = client()
        let response = client.exchange(request)
        #expect(Self.status(response) == status)
        #expect(Self.body(response) == body, "\(response)")
        let unread = client.unread
        #expect(unread.isEmpty)
    }
}
