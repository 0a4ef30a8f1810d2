import CAllocationCounter
import Glibc
import TCPStack
import Testing

@testable import NetworkFunction
@testable import NetworkFunctions

/// What one request costs, without packets: run with `ONVM_BENCH=1 swift test -c release -Xswiftc -enable-testing
/// --filter WebServerSpeedTests`. Allocations are checked always.
@Suite(.serialized) struct WebServerSpeedTests {
    static var isBenchmark: Bool { unsafe getenv("ONVM_BENCH") != nil }

    static func nanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Requests one after another on a kept connection, each produced and acknowledged.
    struct Loop: ~Copyable {
        var server: WebServer
        var state: WebServer.State
        var promised: UInt64 = 0
        var now: UInt64 = 1_000_000_000

        init(_ server: consuming WebServer) {
            self.server = server
            var connection = Connection(index: 0, now: Instant(nanoseconds: now), promised: 0, acknowledged: 0)
            state = self.server.accepted(&connection, peer: Client.peer, local: Client.peer)
        }

        mutating func run(_ count: Int, _ request: [UInt8], _ payload: inout [UInt8]) -> Bool {
            for _ in 0..<count {
                now &+= 300
                var connection = Connection(
                    index: 0, now: Instant(nanoseconds: now), promised: promised, acknowledged: promised)
                let used = unsafe server.received(request.span.bytes, on: &connection, state: &state)
                guard used == request.count else { return false }
                var offset = promised
                promised = connection.promised
                while offset < promised {
                    let length = min(Int(promised &- offset), payload.count)
                    var bytes = payload.mutableSpan
                    var raw = unsafe bytes.mutableBytes
                    var segment = raw._mutatingExtracting(first: length)
                    guard server.produce(&segment, at: offset, on: &connection, state: &state) else { return false }
                    offset &+= UInt64(length)
                }
                connection = Connection(
                    index: 0, now: Instant(nanoseconds: now), promised: promised, acknowledged: promised)
                server.acknowledged(&connection, state: &state)
            }
            return true
        }
    }

    static let requests = [
        ("wrk", "GET /64.bin HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"),
        ("curl", "GET /64.bin HTTP/1.1\r\nHost: 10.77.0.1\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
        (
            "browser",
            "GET /64.bin HTTP/1.1\r\nHost: 10.77.0.1\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
                + "Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
                + "(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,"
                + "application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n"
                + "Accept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n"
        ),
        ("missing", "GET /none.html HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"),
        ("index", "GET / HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"),
        ("not modified", "GET /64.bin HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n"),
        ("range", "GET /64.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=3-9\r\n\r\n"),
        ("large range", "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=3-9999\r\n\r\n"),
    ]

    private func root() -> DocumentRoot {
        let root = DocumentRoot()
        root.write("64.bin", DocumentRoot.pattern(64))
        root.write("index.html", "<p>index</p>")
        root.write("large.bin", DocumentRoot.pattern(100_000))
        return root
    }

    @Test func noRequestAllocates() {
        let root = root()
        var payload = [UInt8](repeating: 0, count: 1448)
        for (name, text) in Self.requests {
            let request = Array(text.utf8)
            // Validity 0 also goes to the file system every time.
            for validity in [100, 0] as [UInt64] {
                var loop = Loop(root.server { $0.cacheValidityMilliseconds = validity })
                var succeeded = loop.run(10, request, &payload)
                let before = allocation_count()
                succeeded = loop.run(100, request, &payload) && succeeded
                let count = allocation_count() - before
                #expect(count == 0, "\(name), validity \(validity)")
                #expect(succeeded)
            }
        }
    }

    @Test(.enabled(if: isBenchmark)) func requestCost() {
        let root = root()
        var payload = [UInt8](repeating: 0, count: 1448)
        // ONVM_BENCH=wrk measures only that one, for a profiler.
        let only = unsafe getenv("ONVM_BENCH").map { unsafe String(cString: $0) }
        for (name, text) in Self.requests where only == "1" || only == name {
            let request = Array(text.utf8)
            var loop = Loop(root.server())
            var best = UInt64.max
            // The best of many short runs: what the code costs when nobody else has the core.
            for _ in 0..<100 {
                let count = 10_000
                let start = Self.nanoseconds()
                let succeeded = loop.run(count, request, &payload)
                best = min(best, (Self.nanoseconds() - start) * 10 / UInt64(count))
                #expect(succeeded)
            }
            print("\(name): \(Double(best) / 10) ns a request")
        }
    }

    /// Bytes of memory that belong to this process alone.
    private static func privateByteCount() -> Int {
        var text = [UInt8](repeating: 0, count: 4096)
        let file = unsafe open("/proc/self/smaps_rollup", O_RDONLY)
        defer { close(file) }
        let count = unsafe read(file, &text, text.count)
        let lines = String(decoding: text[..<max(0, count)], as: UTF8.self).split(separator: "\n")
        let dirty = lines.first { $0.hasPrefix("Private_Dirty:") }?.split(separator: " ").dropFirst().first
        return (dirty.flatMap { Int($0) } ?? 0) * 1024
    }

    /// What a server with tables for many connections adds to its process for a few of them.
    @Test(.enabled(if: isBenchmark)) func memoryCost() {
        let root = root()
        let request = Array("GET /64.bin HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let large = Array("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var payload = [UInt8](repeating: 0, count: 1448)
        let before = Self.privateByteCount()
        var loop = Loop(root.server { $0.connections = 10_000 })
        let made = Self.privateByteCount()
        let succeeded = loop.run(1_000, request, &payload) && loop.run(10, large, &payload)
        let used = Self.privateByteCount()
        #expect(succeeded)
        print("memory: \((made - before) >> 10) KiB after init, \((used - before) >> 10) KiB after 1010 requests")
        #expect(used - before < 512 << 10)
    }

    @Test(.enabled(if: isBenchmark)) func fileCost() {
        let root = DocumentRoot()
        root.write("f.bin", DocumentRoot.pattern(64 << 20))
        var loop = Loop(root.server())
        let request = Array("GET /f.bin HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var payload = [UInt8](repeating: 0, count: 1448)
        var best = UInt64.max
        for _ in 0..<5 {
            let start = Self.nanoseconds()
            let succeeded = loop.run(1, request, &payload)
            best = min(best, (Self.nanoseconds() - start) * 10 / UInt64((64 << 20) / 1448))
            #expect(succeeded)
        }
        print("large file: \(Double(best) / 10) ns a segment of 1448 bytes")
    }
}
