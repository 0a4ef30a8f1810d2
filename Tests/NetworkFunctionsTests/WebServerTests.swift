import Testing

@testable import NetworkFunctions

extension String {
    var statusCode: Int { Int(dropFirst(9).prefix(3)) ?? 0 }

    /// What follows the first empty line.
    var content: String {
        let bytes = Array(utf8)
        guard let end = bytes.indices.dropLast(3).first(where: { bytes[$0..<$0 + 4] == [13, 10, 13, 10] }) else {
            return ""
        }
        return String(decoding: bytes[(end + 4)...], as: UTF8.self)
    }

    /// The value of a field of the first head.
    func field(_ name: String) -> String? {
        for line in split(separator: "\r\n", omittingEmptySubsequences: false) {
            if line.isEmpty { return nil }
            if line.lowercased().hasPrefix(name.lowercased() + ": ") { return String(line.dropFirst(name.count + 2)) }
        }
        return nil
    }
}

/// What a client gets for one request, against a document root on disk.
@Suite struct WebServerTests {
    let root = DocumentRoot()

    init() {
        root.write("index.html", "<p>home</p>\n")
        root.write("a.txt", "0123456789")
        root.write("big.bin", DocumentRoot.pattern(10_000))
        root.write("empty.bin", "")
        root.write(".secret", "no")
        root.makeDirectory("dir")
        root.write("dir/index.html", "dir index")
        root.makeDirectory("bare")
        root.makeDirectory("odd")
        root.makeDirectory("odd/index.html")
        root.makeDirectory("name \\ <x>")
        root.write("with space.txt", "space")
    }

    private func client(_ change: (inout WebServerConfiguration) -> Void = { _ in }) -> Client {
        Client(root.server(change))
    }

    private func get(_ target: String, _ fields: String = "", method: String = "GET") -> String {
        var client = client()
        return client.exchange("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "<p>home</p>\n"),
        ("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /a.txt?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET http://h/a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET http://h HTTP/1.1\r\nHost: a\r\n\r\n", 200, "<p>home</p>\n"),
        ("GET /%61.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /with%20space.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "space"),
        ("GET //dir/.././/a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
        ("GET /dir/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "dir index"),
        ("GET /dir/./ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "dir index"),
        ("GET /empty.bin HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
        ("GET /a.txt HTTP/1.0\r\n\r\n", 200, "0123456789"),
        ("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
        ("HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
        ("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404, ""),
        ("HEAD / HTTP/1.1\r\n\r\n", 400, ""),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, ""),
        ("\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, "0123456789"),
    ])
    func answers(_ request: String, _ status: Int, _ content: String) {
        var client = client()
        let response = client.exchange(request)
        #expect(response.statusCode == status)
        #expect(response.content == content, "\(response)")
        let unread = client.unread
        #expect(unread.isEmpty)
    }

    @Test(arguments: [
        ("/missing", 404), ("/a.txt/", 404), ("/a.txt/x", 404), ("/bare/", 404), ("/odd/", 404), ("/.secret", 404),
        ("/dir/../.secret", 404), ("/%2esecret", 404), ("/%00", 400), ("/a%00.txt", 400), ("/%zz", 400),
        ("/dir%2Findex.html", 404), ("/" + String(repeating: "x", count: 300), 404),
        ("/" + String(repeating: "x/", count: 510) + "yyy", 404),
        ("/" + String(repeating: "x/", count: 511) + "yy", 414),
        ("/" + String(repeating: "x/", count: 511), 404), ("/%78" + String(repeating: "x/", count: 520), 414),
        ("/" + String(repeating: "x", count: 9_000), 414),
    ])
    func failsWith(_ target: String, _ status: Int) {
        let response = get(target)
        #expect(response.statusCode == status)
        #expect(response.field("Content-Length") == "\(response.content.utf8.count)")
        #expect(response.content.contains("<h1>\(status) "))
    }

    @Test func fieldsOfAFile() {
        var client = client()
        client.server.clock.override = 784_111_777
        let response = client.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(response.hasPrefix("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: onvm\r\n"))
        #expect(response.field("Content-Type") == "text/plain; charset=utf-8")
        #expect(response.field("Content-Length") == "10")
        #expect(response.field("Accept-Ranges") == "bytes")
        #expect(response.field("Connection") == nil)
        let tag = response.field("ETag") ?? ""
        #expect(tag.hasPrefix("\"") && tag.hasSuffix("-a\"") && tag.count > 12)
        #expect(response.field("Last-Modified")?.hasSuffix(" GMT") == true)
        client.server.clock.override = 784_111_778
        let later = client.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(later.field("Date") == "Sun, 06 Nov 1994 08:49:38 GMT")
    }

    @Test(arguments: ["a.txt", "big.bin", "missing", "dir", ".secret"])
    func headTellsWhatGetWouldSend(_ name: String) {
        var client = client()
        client.server.clock.override = 784_111_777
        let get = client.exchange("GET /\(name) HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = client.exchange("HEAD /\(name) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(head.hasSuffix("\r\n\r\n"))
        #expect(get.hasPrefix(head))
    }

    // MARK: Methods

    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
    func refusesMethods(_ method: String) {
        let response = get("/a.txt", method: method)
        #expect(response.statusCode == 405)
        #expect(response.field("Allow") == "GET, HEAD, OPTIONS")
        #expect(response.field("Connection") == nil)
    }

    @Test(arguments: [("BREW", 501), ("get", 501), ("CONNECT", 405)])
    func refusesOtherMethods(_ method: String, _ status: Int) {
        #expect(get("/a.txt", method: method).statusCode == status)
    }

    @Test func optionsListsMethods() {
        let response = get("/a.txt", method: "OPTIONS")
        #expect(response.statusCode == 204)
        #expect(response.field("Allow") == "GET, HEAD, OPTIONS")
        #expect(response.field("Content-Length") == nil)
    }

    // MARK: Redirects

    @Test(arguments: [
        ("/dir", "/dir/"), ("/dir?a=b&c", "/dir/?a=b&c"), ("//dir", "/dir/"), ("/x/..//dir", "/dir/"),
        ("http://evil.example/dir", "/dir/"), ("/%64ir", "/dir/"), ("/name%20%5C%20%3Cx%3E", "/name%20%5C%20%3Cx%3E/"),
    ])
    func redirectsToADirectory(_ target: String, _ location: String) {
        let response = get(target)
        #expect(response.statusCode == 301)
        #expect(response.field("Location") == location)
        #expect(response.field("Content-Length") == "\(response.content.utf8.count)")
    }

    @Test func redirectsWithoutAQueryThatIsTooLong() {
        let query = String(repeating: "q", count: 3_000)
        #expect(get("/dir?\(query)").field("Location") == "/dir/")
        let kept = String(repeating: "q", count: 2_047)
        #expect(get("/dir?\(kept)").field("Location") == "/dir/?\(kept)")
    }

    // MARK: Conditions and ranges

    @Test func conditions() {
        var client = client()
        let first = client.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        let tag = first.field("ETag") ?? "", modified = first.field("Last-Modified") ?? ""
        func status(_ fields: String) -> String {
            client.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        }
        let unchanged = status("If-None-Match: \(tag)")
        #expect(unchanged.statusCode == 304)
        #expect(unchanged.content == "" && unchanged.field("ETag") == tag)
        #expect(unchanged.field("Content-Length") == nil && unchanged.field("Content-Type") == nil)
        let dated = status("If-Modified-Since: \(modified)")
        #expect(dated.statusCode == 304)
        let other = status("If-None-Match: \"other\"")
        #expect(other.statusCode == 200 && other.content == "0123456789")
        let failed = status("If-Match: \"other\"")
        #expect(failed.statusCode == 412 && failed.content.contains("412"))
        let old = status("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(old.statusCode == 412)
        let current = status("If-Range: \(tag)\r\nRange: bytes=2-3")
        #expect(current.statusCode == 206 && current.content == "23")
        let stale = status("If-Range: \"other\"\r\nRange: bytes=2-3")
        #expect(stale.statusCode == 200 && stale.content == "0123456789")
        let both = status("If-None-Match: \(tag)\r\nRange: bytes=2-3")
        #expect(both.statusCode == 304)
    }

    @Test(
        arguments: [
            ("bytes=2-3", 206, "bytes 2-3/10", "23"), ("bytes=7-", 206, "bytes 7-9/10", "789"),
            ("bytes=-2", 206, "bytes 8-9/10", "89"), ("bytes=0-3,2-5", 206, "bytes 0-5/10", "012345"),
            ("bytes=0-", 206, "bytes 0-9/10", "0123456789"), ("lines=1-2", 200, nil, "0123456789"),
            ("bytes=5-2", 200, nil, "0123456789"),
        ] as [(String, Int, String?, String)])
    func ranges(_ range: String, _ status: Int, _ contentRange: String?, _ content: String) {
        let response = get("/a.txt", "Range: \(range)\r\n")
        #expect(response.statusCode == status)
        #expect(response.field("Content-Range") == contentRange)
        #expect(response.content == content)
        #expect(response.field("Content-Length") == "\(content.utf8.count)")
        #expect(response.field("ETag") != nil)
    }

    @Test func rangesThatCannotBeServed() {
        let beyond = get("/a.txt", "Range: bytes=10-\r\n")
        #expect(beyond.statusCode == 416 && beyond.field("Content-Range") == "bytes */10")
        #expect(beyond.field("Content-Length") == "\(beyond.content.utf8.count)")
        #expect(get("/empty.bin", "Range: bytes=0-\r\n").statusCode == 416)
        #expect(get("/empty.bin", "Range: bytes=-1\r\n").statusCode == 200)
        #expect(get("/a.txt", "Range: bytes=0-1\r\nRange: bytes=2-3\r\n").statusCode == 200)
        #expect(get("/a.txt", "Range: bytes=0-1\r\n", method: "HEAD").statusCode == 200)
        #expect(get("/missing", "Range: bytes=0-1\r\n").statusCode == 404)
    }

    @Test func severalRanges() {
        let response = get("/a.txt", "Range: bytes=8-,0-1,4-4\r\n")
        #expect(response.statusCode == 206)
        let boundary = response.field("Content-Type")?.split(separator: "=").last.map(String.init) ?? ""
        #expect(boundary.count == 16)
        func part(_ range: String, _ text: String) -> String {
            "\r\n--\(boundary)\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes \(range)/10\r\n\r\n"
                + text
        }
        let expected = part("8-9", "89") + part("0-1", "01") + part("4-4", "4") + "\r\n--\(boundary)--\r\n"
        #expect(response.content == expected)
        #expect(response.field("Content-Length") == "\(expected.utf8.count)")
    }
}
