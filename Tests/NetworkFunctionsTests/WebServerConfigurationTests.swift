import Glibc
import PacketHeaders
import TCPStack
import Testing

@testable import HTTP1
@testable import NetworkFunctions

@Suite struct WebServerConfigurationTests {
    @Test func readsEveryKey() throws {
        let configuration = try WebServerConfiguration(
            parsing: """
                # a comment
                index = start.htm
                header_timeout_ms=1
                idle_timeout_ms=2
                body_timeout_ms=3

                max_body_bytes=4
                max_header_bytes=300
                max_headers=6
                max_line_bytes=70
                keepalive_requests=8
                dotfiles=on
                cache_entries=10
                cache_validity_ms=11
                small_file_bytes=12
                access_log=on\r
                connections=14
                """)
        var expected = WebServerConfiguration()
        expected.index = "start.htm"
        expected.headerTimeoutMilliseconds = 1
        expected.idleTimeoutMilliseconds = 2
        expected.bodyTimeoutMilliseconds = 3
        expected.maximumBodyByteCount = 4
        expected.maximumHeaderByteCount = 300
        expected.maximumHeaderCount = 6
        expected.maximumLineByteCount = 70
        expected.keepAliveRequests = 8
        expected.servesDotFiles = true
        expected.cacheEntries = 10
        expected.cacheValidityMilliseconds = 11
        expected.smallFileByteCount = 12
        expected.writesAccessLog = true
        expected.connections = 14
        #expect(configuration == expected)
        #expect(try WebServerConfiguration(parsing: "") == WebServerConfiguration())
    }

    @Test(arguments: [
        ("index=a/b", 1, "index"), ("index=", 1, "index"), ("index=..", 1, "index"),
        ("\nmax_headers=0", 2, "max_headers"), ("max_headers=x", 1, "max_headers"),
        ("max_header_bytes=100000000", 1, "max_header_bytes"), ("dotfiles=yes", 1, "dotfiles"),
        ("colour=red", 1, "colour"), ("nonsense", 1, "nonsense"), ("connections=-1", 1, "connections"),
        ("cache_entries=1\ncache_entries=2", 2, "cache_entries"), ("idle_timeout_ms=", 1, "idle_timeout_ms"),
    ])
    func namesTheKeyThatIsWrong(_ text: String, _ line: Int, _ key: String) {
        do {
            _ = try WebServerConfiguration(parsing: text)
            Issue.record("accepted")
        } catch {
            #expect(error.line == line && error.key == key)
            #expect(!error.expected.isEmpty)
        }
    }

    /// The largest limits together still leave slices of heads within their sixteen bits.
    @Test func theLargestConfigurationWorks() throws {
        let root = DocumentRoot()
        root.write("index.html", "x")
        let configuration = try WebServerConfiguration(
            parsing: """
                max_header_bytes=49152
                max_line_bytes=16000
                max_headers=1000
                small_file_bytes=32768
                cache_entries=65536
                connections=1048576
                """)
        var client = Client(try WebServer(directory: root.descriptor, configuration: configuration))
        let response = client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(response.content == "x")
    }

    @Test func anotherIndex() {
        let root = DocumentRoot()
        root.write("start.htm", "started")
        var client = Client(root.server { $0.index = "start.htm" })
        let response = client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(response.content == "started")
    }

    // MARK: Size

    @Test func aConnectionsStateIsSmall() {
        #expect(MemoryLayout<WebServer.State>.stride <= 128)
        #expect(MemoryLayout<Response>.stride <= 96)
        #expect(MemoryLayout<RequestHead>.stride <= 104)
    }

    // MARK: Access log

    private func logged(_ peer: Address, _ exchanges: [String]) -> String {
        let root = DocumentRoot()
        root.write("a.txt", "0123456789")
        var pipe: [CInt] = [0, 0]
        unsafe Glibc.pipe(&pipe)
        var configuration = WebServerConfiguration()
        configuration.writesAccessLog = true
        guard let server = try? WebServer(directory: root.descriptor, configuration: configuration, accessLog: pipe[1])
        else { return "" }
        do {
            var client = Client(server)
            client.server.clock.override = 971_186_136
            client.state.peer.address = peer
            for exchange in exchanges {
                if client.finished { client.connect() }
                client.state.peer.address = peer
                _ = client.exchange(exchange)
            }
            client.wait(milliseconds: 61_000)
        }
        close(pipe[1])
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(pipe[0], &bytes, bytes.count)
        close(pipe[0])
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    @Test func writesCombinedLines() {
        let text = logged(
            Address(ipv4: UInt32(bigEndian: 0x0A4D_0002)),
            [
                "GET /a.txt?q HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\nUser-Agent: \"x\\\u{E4}\r\n\r\n",
                "HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
                "BAD\r\n", "GET / HTTP/1.1\r\nHost : x\r\n",
            ])
        let page = WebServer.pageByteCount(.notFound)
        let bad = WebServer.pageByteCount(.badRequest)
        let start = "10.77.0.2 - - [10/Oct/2000:13:55:36 +0000] "
        #expect(
            text == """
                \(start)"GET /a.txt?q HTTP/1.1" 200 10 "http://r/" "\\x22x\\x5c\\xc3\\xa4"
                \(start)"HEAD /a.txt HTTP/1.1" 200 0 "-" "-"
                \(start)"GET /none HTTP/1.1" 404 \(page) "-" "-"
                \(start)"-" 400 \(bad) "-" "-"
                \(start)"GET / HTTP/1.1" 400 \(bad) "-" "-"

                """)
    }

    @Test(
        arguments: [
            ([0xfd77, 0, 0, 0, 0, 0, 0, 2], "fd77::2"), ([0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            ([0, 0, 0, 0, 0, 0, 0, 0], "::"),
            ([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], "2001:db8::1:0:0:1"), ([1, 0, 2, 3, 4, 5, 6, 7], "1:0:2:3:4:5:6:7"),
            ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], "2001:db8::"),
        ] as [([UInt16], String)])
    func writesIPv6Addresses(_ groups: [UInt16], _ text: String) {
        var halves: [UInt64] = [0, 0]
        for (index, group) in groups.enumerated() { halves[index / 4] = halves[index / 4] << 16 | UInt64(group) }
        let line = logged(
            Address(high: halves[0].bigEndian, low: halves[1].bigEndian), ["GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
        #expect(line.hasPrefix(text + " - - ["))
    }

    @Test func aFullLogLosesNothing() {
        let line = "GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: \(String(repeating: "\u{E4}", count: 400))\r\n\r\n"
        let text = logged(Address(ipv4: 0), Array(repeating: line, count: 15))
        #expect(text.split(separator: "\n").count == 15)
        #expect(text.split(separator: "\n").allSatisfy { $0.hasSuffix("\\xc3\\xa4\"") })
    }
}
