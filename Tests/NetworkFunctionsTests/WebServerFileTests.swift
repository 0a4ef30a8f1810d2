import Glibc
import Testing

@testable import NetworkFunctions

/// Files that are not what they seem, or change while they are served.
@Suite struct WebServerFileTests {
    let root = DocumentRoot()

    private func client(_ change: (inout WebServerConfiguration) -> Void = { _ in }) -> Client {
        Client(root.server(change))
    }

    private func request(_ target: String, _ fields: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
    }

    // MARK: Nothing outside the root

    @Test(arguments: [
        "/../outside.txt", "/..%2foutside.txt", "/%2e%2e/outside.txt", "/dir/../../outside.txt", "/..;/outside.txt",
        "/....//outside.txt", "/dir/..%5c..%5coutside.txt", "/%252e%252e/outside.txt", "/.%00./outside.txt",
        "//..//..//outside.txt", "/absolute", "/relative", "/directory/outside.txt", "/nested/up", "/loop",
        "/self/root/etc/passwd", "/dangling", "http://a/../outside.txt", "/proc/self/environ",
        "/..\u{C0}\u{AF}outside.txt", "/%c0%ae%c0%ae/outside.txt",
    ])
    func traversalFindsNothing(_ target: String) {
        let outer = DocumentRoot()
        outer.write("outside.txt", "SECRET")
        outer.makeDirectory("root")
        let path = outer.path + "/root"
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        outer.makeDirectory("root/dir")
        outer.makeDirectory("root/nested")
        outer.link("root/absolute", to: outer.path + "/outside.txt")
        outer.link("root/relative", to: "../outside.txt")
        outer.link("root/directory", to: "..")
        outer.link("root/nested/up", to: "../../outside.txt")
        outer.link("root/loop", to: "loop")
        outer.link("root/self", to: "/proc/self")
        outer.link("root/dangling", to: "nowhere")
        guard let server = try? WebServer(directory: descriptor, configuration: WebServerConfiguration()) else {
            Issue.record("no server")
            return
        }
        var client = Client(server)
        let response = client.exchange(request(target))
        #expect([400, 403, 404].contains(response.statusCode), "\(response)")
        #expect(!response.contains("SECRET") && !response.contains("root:"))
    }

    @Test func linksWithinTheRootAreFollowed() {
        root.makeDirectory("dir")
        root.write("dir/a.txt", "inside")
        root.link("link.txt", to: "dir/a.txt")
        root.link("dirlink", to: "dir")
        root.link("dir/up.txt", to: "../dir/a.txt")
        var client = client()
        for target in ["/link.txt", "/dirlink/a.txt", "/dir/up.txt"] {
            let response = client.exchange(request(target))
            #expect(response.content == "inside", "\(target)")
        }
        // A link that comes to lead outside is no longer followed, also when it was before.
        unlinkName("link.txt")
        root.link("link.txt", to: "/etc/passwd")
        client.wait(milliseconds: 200)
        let response = client.exchange(request("/link.txt"))
        #expect(response.statusCode == 403)
    }

    private func unlinkName(_ name: String) { unsafe unlink(root.path + "/" + name) }

    @Test func onlyRegularFilesAreServed() {
        unsafe mkfifo(root.path + "/fifo", 0o644)
        unsafe mknod(root.path + "/device", S_IFCHR | 0o644, dev_t(0x103))
        let unix = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array((root.path + "/socket").utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(unix, $0, size) == 0 }
        }
        #expect(isBound)
        defer { close(unix) }
        var client = client()
        for target in ["/fifo", "/device", "/socket"] {
            let response = client.exchange(request(target))
            // A device node cannot be made without the capability.
            #expect(response.statusCode == 403 || target == "/device" && response.statusCode == 404, "\(target)")
        }
    }

    @Test func dotFilesAreServedWhenAsked() {
        root.write(".well", "known")
        var client = client { $0.servesDotFiles = true }
        let response = client.exchange(request("/.well"))
        #expect(response.content == "known")
    }

    // MARK: Change

    @Test(arguments: [10, 100_000])
    func aChangedFileIsSeenAfterTheValidity(size: Int) {
        root.write("f.bin", DocumentRoot.pattern(size, seed: 1))
        var client = client()
        let first = client.exchange(request("/f.bin"))
        // The kernel stamps files with the time of its last tick.
        usleep(20_000)
        root.write("new", DocumentRoot.pattern(size, seed: 2))
        unsafe rename(root.path + "/new", root.path + "/f.bin")
        let cached = client.exchange(request("/f.bin"))
        #expect(cached.field("ETag") == first.field("ETag"), "within the validity")
        client.wait(milliseconds: 101)
        let start = client.output.count
        let second = client.exchange(request("/f.bin"))
        #expect(second.field("ETag") != first.field("ETag"))
        let content = Array(client.output[start...].suffix(size))
        #expect(content == DocumentRoot.pattern(size, seed: 2))
        unlinkName("f.bin")
        client.wait(milliseconds: 101)
        let gone = client.exchange(request("/f.bin"))
        #expect(gone.statusCode == 404)
        root.write("f.bin", "back")
        client.wait(milliseconds: 101)
        let back = client.exchange(request("/f.bin"))
        #expect(back.content == "back")
    }

    @Test func anUnchangedFileStaysOpen() {
        root.write("f.bin", DocumentRoot.pattern(100_000))
        var client = client()
        for _ in 0..<20 {
            _ = client.exchange(request("/f.bin"))
            client.wait(milliseconds: 200)
        }
        let used = client.server.cache.entries.usedCount
        #expect(used == 1)
        #expect(root.openFileCount == 1)
    }

    @Test func aReplacedFileIsSentToItsEnd() {
        let old = DocumentRoot.pattern(200_000, seed: 1)
        root.write("f.bin", old)
        var client = client()
        client.send(request("/f.bin"))
        let head = client.segment(at: 0, 1448) ?? []
        root.write("new", DocumentRoot.pattern(50, seed: 2))
        unsafe rename(root.path + "/new", root.path + "/f.bin")
        client.wait(milliseconds: 200)
        client.send(request("/f.bin"))
        client.produce()
        let output = client.output
        let start = String(decoding: head, as: UTF8.self).utf8.count > 0 ? Self.headByteCount(output) : 0
        #expect(Array(output[start..<start + 200_000]) == old)
        #expect(Array(output.suffix(50)) == DocumentRoot.pattern(50, seed: 2))
        client.acknowledge()
        let used = client.server.cache.entries.usedCount
        #expect(used == 1, "the replaced file is given up with its last response")
    }

    private static func headByteCount(_ output: [UInt8]) -> Int {
        (output.indices.first { output[$0..<min($0 + 4, output.count)] == [13, 10, 13, 10] } ?? 0) + 4
    }

    @Test(arguments: [0, 1, 60_000, 199_999])
    func aTruncatedFileEndsItsResponse(_ left: Int) {
        root.write("f.bin", DocumentRoot.pattern(200_000))
        root.write("g.txt", "fine")
        var client = client()
        client.send(request("/f.bin"))
        _ = client.segment(at: 0, 1448)
        unsafe truncate(root.path + "/f.bin", left)
        client.produce()
        let failed = client.produceFailed
        let count = client.output.count
        #expect(failed)
        #expect(count <= max(left, ReadAhead.windowByteCount) + 2 * 1448)
        let used = client.server.responses.usedCount
        let truncated = client.server.counters.truncatedFiles
        #expect(used == 0 && truncated == 1)
        // The worker may or may not say so; whatever comes then does no harm.
        client.aborted = false
        client.send("GET / HTTP/1.1\r\n")
        client.acknowledge()
        client.finishSending()
        client.close()
        client.connect()
        let response = client.exchange(request("/g.txt"))
        #expect(response.content == "fine")
    }

    // MARK: The cache

    @Test func theCacheIsBoundedAndEvicts() {
        for number in 0..<40 { root.write("\(number).bin", DocumentRoot.pattern(5_000, seed: UInt64(number) + 1)) }
        var client = client { $0.cacheEntries = 8 }
        for round in 0..<3 {
            for number in 0..<40 {
                let start = client.output.count
                let response = client.exchange(request("/\(number).bin"))
                #expect(response.statusCode == 200, "round \(round)")
                let content = Array(client.output[start...].suffix(5_000))
                #expect(content == DocumentRoot.pattern(5_000, seed: UInt64(number) + 1))
                _ = client.exchange(request("/missing\(number)"))
            }
        }
        let used = client.server.cache.entries.usedCount
        #expect(used <= 8)
        #expect(root.openFileCount <= 8)
    }

    @Test func withEveryEntryInUseTheAnswerIsToTryLater() {
        for number in 0..<5 { root.write("\(number).bin", DocumentRoot.pattern(5_000)) }
        var client = client { $0.cacheEntries = 4 }
        for number in 0..<4 { client.send(request("/\(number).bin")) }
        client.send(request("/4.bin"))
        client.produce()
        let output = String(decoding: client.output.suffix(400), as: UTF8.self)
        #expect(output.contains("503 Service Unavailable") && output.contains("Retry-After: 1"))
        client.acknowledge()
        let response = client.exchange(request("/4.bin"))
        #expect(response.statusCode == 200)
    }

    /// Sizes around the limits of segments and of the small-file cache, from many connections' point of view.
    @Test(arguments: [0, 1, 63, 1_447, 1_448, 1_449, 4_095, 4_096, 4_097, 32_767, 32_768, 32_769, 65_536, 1 << 20])
    func contentIsExact(_ size: Int) {
        let content = DocumentRoot.pattern(size, seed: UInt64(size) + 1)
        root.write("f.bin", content)
        var client = client()
        for segment in [1_448, 536, 8_948] {
            client.segmentByteCount = segment
            let start = client.output.count
            client.send(request("/f.bin"))
            client.produce()
            client.acknowledge()
            let response = Array(client.output[start...])
            let head = Self.headByteCount(response)
            #expect(Array(response[head...]) == content, "segments of \(segment)")
        }
    }

    /// More downloads at once than read-ahead windows, in turns, with retransmissions.
    @Test func interleavedDownloadsDoNotMix() {
        let files = 20
        for number in 0..<files { root.write("\(number).bin", DocumentRoot.pattern(150_000, seed: UInt64(number) + 1)) }
        var client = client()
        // One connection after the other shares the server; the states are swapped by hand.
        var states: [(WebServer.State, UInt64, [UInt8])] = []
        for number in 0..<files {
            client.connect()
            client.send(request("/\(number).bin"))
            states.append((client.state, client.promised, []))
        }
        var generator = SeededGenerator(seed: 5)
        while let number = states.indices.filter({ states[$0].2.count < Int(states[$0].1) }).randomElement(
            using: &generator)
        {
            client.state = states[number].0
            client.promised = states[number].1
            client.output = states[number].2
            for _ in 0..<Int.random(in: 1...30, using: &generator) where client.output.count < Int(client.promised) {
                let count = min(1448, Int(client.promised) - client.output.count)
                client.output += client.segment(at: UInt64(client.output.count), count) ?? []
                let again = Int.random(in: 0...client.output.count - count, using: &generator)
                let repeated = client.segment(at: UInt64(again), count)
                let expected = Array(client.output[again..<again + count])
                #expect(repeated == expected)
            }
            states[number] = (client.state, client.promised, client.output)
        }
        for number in 0..<files {
            let head = Self.headByteCount(states[number].2)
            let isExact = Array(states[number].2[head...]) == DocumentRoot.pattern(150_000, seed: UInt64(number) + 1)
            #expect(isExact, "file \(number)")
        }
    }
}
