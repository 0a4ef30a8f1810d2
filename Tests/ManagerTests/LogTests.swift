import ControlAPI
import Foundation
import Glibc
import Linux
import Logging
import Testing

@testable import Manager

/// What the manager prints, and the files that access logs go to.
@Suite struct LogTests {
    /// What a logger that writes into a pipe puts there.
    private func logged(_ body: (Logger) -> Void) throws -> String {
        var ends: [CInt] = [-1, -1]
        unsafe pipe(&ends)
        let end = ends[1]
        body(Logger(label: "test") { _ in LineLog(level: .info, descriptor: end) })
        close(end)
        defer { close(ends[0]) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    @Test func aMessageIsOneLineThatSpeaksToNoTerminal() throws {
        let evil = "a\n12:00:00.000 notice forged\r\n\u{1B}[2J\u{7F}\u{9B}\u{2028}\u{202E}\u{2066}\u{0}é"
        let text = try logged { log in log.notice("\(evil)", metadata: ["key": "\(evil)"]) }
        let shown = #"a\x0a12:00:00.000 notice forged\x0d\x0a\x1b[2J\x7f\x9b\u{2028}\u{202e}\u{2066}\x00é"#
        #expect(text.dropFirst(12) == " notice \(shown) key=\(shown)\n")
    }

    @Test func aLineHasABound() throws {
        let text = try logged { $0.notice("\(String(repeating: "x", count: 100_000))") }
        #expect(text.utf8.count <= 4_096 && text.hasSuffix("...\n"))
    }

    /// Nobody reads: the manager does not wait. Later it says what is missing.
    @Test func aReaderThatSleepsStopsNobody() throws {
        var ends: [CInt] = [-1, -1]
        unsafe pipe(&ends)
        defer { for end in ends { close(end) } }
        let end = ends[1]
        let log = Logger(label: "test") { _ in LineLog(level: .info, descriptor: end) }
        for number in 0..<1_000 { log.info("\(number) \(String(repeating: "x", count: 1_000))") }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var text = String(decoding: bytes[..<(unsafe read(ends[0], &bytes, bytes.count))], as: UTF8.self)
        let written = text.split(separator: "\n").count
        #expect(written < 1_000)
        log.info("again")
        text = String(decoding: bytes[..<(unsafe read(ends[0], &bytes, bytes.count))], as: UTF8.self)
        #expect(text.contains("warning \(1_000 - written) lines before this one were dropped"))
        #expect(text.hasSuffix(" info again\n"))
    }

    @Test func jsonStaysTheSameJSON() throws {
        struct Value: Codable, Equatable { var text: String }
        let value = Value(text: "a\u{9B}31m\u{202E}\u{1B}\n\u{7F}é")
        let text = String(decoding: try ControlAPI.encode(value, pretty: true), as: UTF8.self).escapingControlsOfJSON
        #expect(!text.unicodeScalars.contains { $0.value == 0x9B || $0.value == 0x202E || $0.value == 0x7F })
        #expect(try ControlAPI.decode(Value.self, from: Data(text.utf8)) == value)
    }

    // MARK: Files

    private struct Directory {
        let path: String

        init() throws {
            path = NSTemporaryDirectory() + "onvm-log-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }

        func file(_ name: String = "a.log", size: Int? = nil, keep: Int = 2) -> LogFile {
            var settings = Topology.AccessLog(path: "\(path)/\(name)")
            settings.byteCountLimit = size
            settings.keep = keep
            return LogFile(settings)
        }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        }

        func read(_ name: String) -> String? {
            FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) }
        }

        func remove() { try? FileManager.default.removeItem(atPath: path) }
    }

    private func problem(_ file: LogFile) -> String? {
        do throws(LogFileError) {
            _ = try file.open()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func whatIsNoLogIsRefusedAtOnce() throws {
        let directory = try Directory()
        defer { directory.remove() }
        let path = directory.path
        unsafe mkfifo("\(path)/fifo", 0o600)
        unsafe symlink("/etc/passwd", "\(path)/link")
        unsafe mkdir("\(path)/directory", 0o700)
        #expect(problem(directory.file("fifo")) == "\(path)/fifo: is a FIFO that nobody reads, or a socket")
        #expect(problem(directory.file("link")) == "\(path)/link: is a symbolic link; name the file that it leads to")
        #expect(problem(directory.file("directory")) == "\(path)/directory: Is a directory (errno 21)")
        #expect(problem(directory.file("none/a.log")) == "\(path)/none/a.log: No such file or directory (errno 2)")
        #expect(problem(directory.file()) == nil)
    }

    @Test func aFIFOThatIsReadIsALog() throws {
        let directory = try Directory()
        defer { directory.remove() }
        unsafe mkfifo("\(directory.path)/fifo", 0o600)
        let reader = try FileDescriptor(opening: "\(directory.path)/fifo", flags: O_RDONLY | O_NONBLOCK)
        let file = directory.file("fifo", size: 100)
        let opened = try file.open()
        // Who writes may wait for the reader; there is no size to a FIFO.
        #expect(fcntl(opened.rawValue, F_GETFL) & O_NONBLOCK == 0)
        #expect(file.output(opened.rawValue) == LogFileOutput(byteCount: 0, byteCountLimit: 0))
        withExtendedLifetime(reader) {}
    }

    @Test func aFullFileIsRenamedAndTheOldestGoes() throws {
        let directory = try Directory()
        defer { directory.remove() }
        let file = directory.file(size: 4, keep: 2)
        for round in 1...4 {
            let opened = try file.open()
            try directory.write("x", "")
            let text = "round \(round)\n"
            _ = unsafe write(opened.rawValue, text, text.utf8.count)
            let wasRenamed = try file.rotate(opened.rawValue)
            #expect(wasRenamed)
        }
        #expect(directory.read("a.log") == nil)
        #expect(directory.read("a.log.1") == "round 4\n")
        #expect(directory.read("a.log.2") == "round 3\n")
        #expect(directory.read("a.log.3") == nil)
    }

    /// A log writer that was taken over asks for nothing but what is due, and somebody else's file is left alone.
    @Test func nothingElseIsRenamed() throws {
        let directory = try Directory()
        defer { directory.remove() }
        let file = directory.file(size: 100)
        let opened = try file.open()
        let isSmall = try file.rotate(opened.rawValue)
        #expect(!isSmall)
        let text = String(repeating: "x", count: 200)
        _ = unsafe write(opened.rawValue, text, text.utf8.count)
        unsafe rename("\(directory.path)/a.log", "\(directory.path)/moved.log")
        try directory.write("a.log", "another")
        let isElsewhere = try file.rotate(opened.rawValue)
        #expect(!isElsewhere)
        #expect(directory.read("a.log") == "another")
    }
}
