import Handover
import Testing

@testable import LogWriter

/// Bytes in, bytes out: what an NF may write and what is in the log.
@Suite struct LogLinesTests {
    /// A log with one NF in it.
    struct Log {
        var lines: LogLines
        var buffer: LogBuffer
        var counts = LogCounts()

        init(_ form: LogForm, name: String = "web/7") {
            lines = LogLines(form: form, source: LogSource(name: name))
            buffer = LogBuffer(form: form)
        }

        mutating func take(_ bytes: [UInt8]) {
            unsafe lines.take(bytes.span.bytes, stamp: Array("12:00:00.000".utf8), into: &buffer, counting: &counts)
        }

        mutating func take(_ text: String) { take(Array(text.utf8)) }
        mutating func finish() { lines.finish(stamp: Array("12:00:00.000".utf8), into: &buffer, counting: &counts) }
        var text: String { String(decoding: buffer.bytes, as: UTF8.self) }
    }

    @Test func aLineOfAnAccessLogEndsWithWhoseItIs() {
        var log = Log(.access)
        log.take("a \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\nb\n")
        #expect(log.text == "a \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" nf=web/7\nb nf=web/7\n")
        #expect(log.counts == LogCounts())
    }

    @Test func aLineOfStandardErrorBeginsWithTimeAndWhoseItIs() {
        var log = Log(.errors)
        log.take("Fatal error: x\n")
        #expect(log.text == "12:00:00.000 nf web/7: Fatal error: x\n")
    }

    /// Every byte, alone between two others.
    @Test(arguments: [LogForm.access, .errors]) func onlyPrintableASCIIGetsThrough(_ form: LogForm) {
        for byte in 0...255 as ClosedRange<UInt8> where byte != 0x0A {
            var log = Log(form)
            log.take([0x61, byte, 0x62, 0x0A])
            let hexadecimal = (byte < 16 ? "0" : "") + String(byte, radix: 16)
            let isPrintable = (0x20...0x7E).contains(byte)
            let expected = isPrintable ? "a\(Unicode.Scalar(byte))b" : "a\\x\(hexadecimal)b"
            #expect(log.text.contains(expected), "byte \(byte): \(log.text)")
            #expect(log.buffer.bytes.dropLast().allSatisfy { (0x20...0x7E).contains($0) })
            #expect(log.counts.escaped == (isPrintable ? 0 : 1))
        }
    }

    @Test func aLineOfTheManagerCannotBeForged() {
        var log = Log(.errors)
        log.take("\r12:00:00.000 notice instance web stopped\u{2028}\u{1B}[2J\n")
        #expect(
            log.text == "12:00:00.000 nf web/7: \\x0d12:00:00.000 notice instance web stopped\\xe2\\x80\\xa8\\x1b[2J\n")
    }

    @Test func anothersNameCannotBeTheLast() {
        var log = Log(.access)
        log.take("GET / nf=web/3\n")
        #expect(log.text.hasSuffix(" nf=web/3 nf=web/7\n"))
    }

    @Test func aNameIsOneWordOfOneLine() {
        var log = Log(.access, name: "a\nb\u{1B}")
        log.take("x\n")
        #expect(log.text == "x nf=a\\x0ab\\x1b\n")
    }

    /// However the bytes come, the lines are the same.
    @Test(arguments: [LogForm.access, .errors]) func partsOfLinesArePutTogether(_ form: LogForm) {
        let text = Array("first line\nsecond \u{1B} line\n\nlast\n".utf8)
        var whole = Log(form)
        whole.take(text)
        for size in 1...text.count {
            var log = Log(form)
            for start in stride(from: 0, to: text.count, by: size) { log.take(Array(text[start...].prefix(size))) }
            #expect(log.text == whole.text)
            #expect(log.counts == whole.counts)
        }
        #expect(whole.text.split(separator: "\n").count == 3)
    }

    @Test(arguments: [(LogForm.access, 16_384), (.errors, 960)]) func aLongLineIsCut(_ form: LogForm, _ limit: Int) {
        for size in [1, 100, 4_096, limit, limit + 1, 40_000] {
            var log = Log(form)
            let bytes = [UInt8](repeating: 0x61, count: 50_000) + Array("\nnext\n".utf8)
            for start in stride(from: 0, to: bytes.count, by: size) { log.take(Array(bytes[start...].prefix(size))) }
            let lines = log.text.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines[0].contains(String(repeating: "a", count: limit) + "..."))
            #expect(!lines[0].contains(String(repeating: "a", count: limit + 1)))
            #expect(lines[1].contains("next") && !lines[1].contains("..."))
            #expect(log.counts.cut == 1)
        }
        var whole = Log(form)
        whole.take([UInt8](repeating: 0x61, count: limit) + [0x0A])
        #expect(whole.counts.cut == 0 && !whole.text.contains("..."))
    }

    /// A line of standard error, every byte of it escaped, is one write into a pipe (PIPE_BUF).
    @Test func aLineOfStandardErrorFitsIntoAPipe() {
        var log = Log(.errors, name: String(repeating: "n", count: 200))
        log.take([UInt8](repeating: 0xFF, count: 5_000) + [0x0A])
        #expect(log.buffer.bytes.count <= 4_096)
        #expect(log.buffer.next == 0..<log.buffer.bytes.count)
    }

    @Test func whatIsUnfinishedAtTheEnd() {
        var access = Log(.access)
        access.take("whole\nhalf")
        access.finish()
        #expect(access.text == "whole nf=web/7\n")
        #expect(access.counts.cut == 1)
        var errors = Log(.errors)
        errors.take("last words")
        errors.finish()
        #expect(errors.text == "12:00:00.000 nf web/7: last words\n")
        #expect(errors.counts.cut == 0)
    }
}
