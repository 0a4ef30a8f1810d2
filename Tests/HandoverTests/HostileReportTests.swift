import Linux
import TestSupport
import Testing

@testable import Handover

/// What an NF may put into its channel.
@Suite struct HostileReportTests {
    /// No descriptor of an NF ever becomes the manager's, and none stays open.
    @Test(arguments: [1, 16])
    func aReportWithDescriptorsIsRefusedAndTheyAreClosed(_ count: Int) throws {
        let pair = try SequencedSocket.pair()
        let manager = NFChannel(pair.first)
        let watched = try WatchedDescriptor()
        try pair.second.send(
            MessageWriter(kind: .ready).bytes, descriptors: [CInt](repeating: watched.rawValue, count: count))
        #expect(throws: HandoverError.oversized) { _ = try manager.nextReport() }
        let closed = watched.isClosedEverywhere()
        #expect(closed)
    }

    @Test func aLongReportIsRefused() throws {
        let pair = try SequencedSocket.pair()
        let manager = NFChannel(pair.first)
        try pair.second.send([UInt8](repeating: 1, count: 5_000))
        #expect(throws: HandoverError.oversized) { _ = try manager.nextReport() }
        NFEnd(pair.second).reportFailure(String(repeating: "x", count: 4_000))
        let report = try manager.nextReport()
        #expect(report == .failed(String(repeating: "x", count: 4_000)))
    }}
