import Glibc
import Linux
import Testing

@testable import Handover

@Suite struct LogWriterProtocolTests {
    @Test func commandsArriveWhole() throws {
        let pair = try SequencedSocket.pair()
        let manager = LogWriterClient(pair.first)
        let writer = LogWriterServer(pair.second)
        let file = try FileDescriptor(opening: "/dev/null", flags: O_RDONLY)
        let start = LogStart(form: .errors, userID: 1 << 31, bytesPerSecond: 7, burstByteCount: .max)
        let output = LogOutput(byteCount: 5, byteCountLimit: .max)
        let source = LogSource(name: "wéb/7")
        try manager.start(start)
        try manager.setOutput(output, descriptor: file.rawValue)
        try manager.add(source, descriptor: file.rawValue)
        guard case .start(start) = try writer.nextCommand(),
            case .output(output, let first) = try writer.nextCommand(),
            case .source(source, let second) = try writer.nextCommand()
        else {
            Issue.record("a command is not what was sent")
            return
        }
        #expect(Set([first, second, file.rawValue]).count == 3)
        for descriptor in [first, second] { _ = close(descriptor) }
        let nothing = try writer.nextCommand()
        #expect(nothing == nil)
    }

    @Test func reportsArriveWhole() throws {
        let pair = try SequencedSocket.pair()
        let manager = LogWriterClient(pair.first)
        let writer = LogWriterServer(pair.second)
        var counts = LogCounts()
        (counts.lines, counts.bytes, counts.escaped) = (1, 2, 3)
        (counts.cut, counts.throttled, counts.failure) = (4, .max, 28)
        try writer.reportReady()
        try writer.report(counts)
        try writer.reportFull()
        for expected in [.ready, .counts(counts), .full, nil] as [LogWriterReport?] {
            let report = try manager.nextReport()
            #expect(report == expected)
        }
    }

    @Test func aMessageForSomebodyElseIsRefused() throws {
        let pair = try SequencedSocket.pair()
        let manager = LogWriterClient(pair.first)
        let writer = LogWriterServer(pair.second)
        try writer.socket.send(MessageWriter(kind: .logOutput).bytes)
        #expect(throws: HandoverError.unexpectedMessage("logOutput")) { _ = try manager.nextReport() }
        try manager.socket.send(MessageWriter(kind: .logFull).bytes)
        #expect(throws: HandoverError.unexpectedMessage("logFull")) { _ = try writer.nextCommand() }
        var output = MessageWriter(kind: .logOutput)
        output.append(0 as UInt64)
        output.append(0 as UInt64)
        try manager.socket.send(output.bytes)
        #expect(throws: HandoverError.missingDescriptor("output")) { _ = try writer.nextCommand() }
    }
}
