import Glibc
import PacketHeaders
import Testing

@testable import HTTP1
@testable import NetworkFunctions

/// The access log and a pipe that takes less than everything.
@Suite struct AccessLogTests {
    /// Lines of an access log into a pipe that does not make its writer wait.
    private final class Pipe {
        let read: CInt
        let write: CInt

        init() {
            var ends: [CInt] = [-1, -1]
            unsafe pipe(&ends)
            for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
            (read, write) = (ends[0], ends[1])
        }

        deinit {
            close(read)
            close(write)
        }

        /// Everything that is in it now.
        func drain() -> String {
            var all: [UInt8] = []
            var bytes = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe Glibc.read(read, &bytes, bytes.count)
                guard count > 0 else { return String(decoding: all, as: UTF8.self) }
                all += bytes[..<count]
            }
        }
    }

    private func append(_ count: Int, to log: inout AccessLog, from first: Int, at now: UInt64 = 0) {
        let bytes: [UInt8] = []
        for number in first..<(first + count) {
            var response = Response(.ok)
            response.contentByteCount = UInt64(number)
            unsafe log.append(Address(ipv4: 0), 0, RequestHead(), bytes.span.bytes, response, now)
        }
    }

    /// The numbers of the lines in a text; nil for what is no whole line.
    private func numbers(_ text: String) -> [Int?] {
        text.split(separator: "\n").map { line in
            let fields = line.split(separator: " ")
            return fields.count == 10 && line.hasPrefix("0.0.0.0 - - [") ? Int(fields[7]) : nil
        }
    }

    @Test func whatAFullPipeDoesNotTakeIsCountedInWholeLines() throws {
        let pipe = Pipe()
        var log = try AccessLog(pipe.write)
        // Some 80 bytes each; a pipe holds 64 KiB.
        var text = ""
        for round in 0..<40 {
            append(500, to: &log, from: round * 500)
            if round % 8 == 7 { text += pipe.drain() }
        }
        log.flush(0)
        text += pipe.drain()
        log.flush(0)
        text += pipe.drain()
        let lines = numbers(text)
        let dropped = log.droppedLineCount
        #expect(!lines.contains(nil), "a line was torn")
        #expect(dropped > 0)
        #expect(UInt64(lines.count) + dropped == 20_000)
        #expect(lines.compactMap { $0 } == lines.compactMap { $0 }.sorted())
    }

    @Test func aPipeThatIsReadGetsEverything() throws {
        let pipe = Pipe()
        var log = try AccessLog(pipe.write)
        var text = ""
        for round in 0..<40 {
            append(500, to: &log, from: round * 500)
            text += pipe.drain()
        }
        log.flush(0)
        text += pipe.drain()
        #expect(numbers(text) == (0..<20_000).map { $0 })
        let dropped = log.droppedLineCount
        #expect(dropped == 0)
    }
}
