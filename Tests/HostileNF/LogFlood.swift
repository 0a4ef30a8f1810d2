import CLinux
import Glibc

/// Lines that an NF must not be able to write: in others' names, in the manager's, to the operator's terminal, without
/// an end, and more of them than a disk holds.
enum LogFlood {
    private static let megabyte = 1 << 20

    static func run(_ log: CInt) {
        for descriptor in [log, 2] {
            offer("12:00:00.000 notice HOSTILE-FORGED instance stopped\n", to: descriptor)
            offer("10.0.0.1 - - [-] \"GET /HOSTILE-FORGED HTTP/1.1\" 200 1 \"-\" \"-\" nf=web/0\n", to: descriptor)
            offer("\u{1B}[2J\u{1B}]0;HOSTILE-FORGED\u{7}\r\u{8}\u{0}\u{9B}31m\u{202E}\n", to: descriptor)
            offer("HOSTILE-FORGED without an end", to: descriptor)
            offer("\nHOSTILE-FORGED\r12:00:00.000 error HOSTILE-FORGED\n", to: descriptor)
        }
        let long = [UInt8](repeating: 0x1B, count: 100_000) + [0x0A]
        let short = Array(String(repeating: "\nHOSTILE-FLOOD\u{1B}\n", count: 4_000).utf8)
        // 300 MB, for as long as somebody takes them; 3 s is more than the others need.
        var offered = 0
        while offered < 300 * megabyte, clock < 3 {
            for bytes in [long, short] {
                offered += offer(bytes, to: log)
                offered += offer(bytes, to: 2)
            }
            _ = CLinux_poll_nanoseconds(nil, 0, 100_000)
        }
        // What is begun has no end, ever.
        offer("HOSTILE-FORGED half", to: log)
    }

    private static func offer(_ text: String, to descriptor: CInt) { offer(Array(text.utf8), to: descriptor) }

    /// A pipe that is full takes nothing.
    @discardableResult
    private static func offer(_ bytes: [UInt8], to descriptor: CInt) -> Int {
        _ = unsafe write(descriptor, bytes, bytes.count)
        return bytes.count
    }

    /// Seconds since it was first asked.
    private static var clock: Int { now - start }
    private static let start = now
    private static var now: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}

/// A well-behaved neighbour: numbered lines, each of them whole, now and then.
enum Diary {
    static let lineCount = 1_000

    static func write(to log: CInt) {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        for number in 0..<lineCount {
            let line = Array("DIARY \(time.tv_nsec) \(number) of \(lineCount)\n".utf8)
            while unsafe Glibc.write(log, line, line.count) < 0, errno == EAGAIN {
                _ = CLinux_poll_nanoseconds(nil, 0, 1_000_000)
            }
            if number % 10 == 9 { _ = CLinux_poll_nanoseconds(nil, 0, 5_000_000) }
        }
    }
}
