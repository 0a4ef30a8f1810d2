import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// Frames that hold more than one segment, for a device that cuts them.
@Suite struct SegmentationTests {
    private static func simulation(
        byteCount: Int, impairment: Impairment = Impairment(), change: (inout Configuration) -> Void = { _ in }
    ) -> Simulation {
        TransferTests.simulation(seed: 9, clientBytes: byteCount, serverBytes: byteCount, impairment) {
            $0.allowsSegmentation = true
            change(&$0)
        }
    }

    @Test(arguments: [1, 1_448, 1_449, 2_896, 65_536, 3_000_000], [false, true])
    func theStreamIsTheSame(byteCount: Int, isIPv6: Bool) {
        let simulation = Self.simulation(byteCount: byteCount)
        _ = simulation.connect(isIPv6: isIPv6, vlan: isIPv6 ? 9 : nil)
        let isOver = simulation.run()
        #expect(isOver)
        TransferTests.expectComplete(simulation, clientBytes: byteCount, serverBytes: byteCount, seed: 9)
        let retransmitted = simulation.server.stack.counters[.retransmittedSegments]
        #expect(retransmitted == 0)
    }

    /// Long runs, or the offload would be for nothing; never more than a packet's length field can say.
    @Test func runsGrowWithTheWindow() {
        let simulation = Self.simulation(byteCount: 3_000_000)
        _ = simulation.connect(isIPv6: false)
        simulation.run()
        let frames = simulation.server.runCount
        let longest = simulation.server.longestFrame
        #expect(frames < 400, "\(frames) frames for some 2,072 segments and the ACKs of as many")
        #expect(longest > 60_000 && longest <= 65_535 + 14)
        let segments = simulation.server.stack.counters[.segmentsSent]
        #expect(segments >= 3_000_000 / 1_448)
    }

    /// No run is longer than the congestion window or the peer's window allow.
    @Test(arguments: [4_000, 20_000, 65_535])
    func runsStayWithinTheWindows(window: Int) {
        let simulation = Self.simulation(byteCount: 400_000) {
            $0.initialReceiveWindow = window
            $0.maximumReceiveWindow = window
        }
        simulation.check = { [unowned simulation] in
            simulation.client.stack.brokenInvariants() + simulation.server.stack.brokenInvariants()
        }
        _ = simulation.connect(isIPv6: false)
        let isOver = simulation.run()
        #expect(isOver && simulation.problems.isEmpty, "\(simulation.problems)")
        TransferTests.expectComplete(simulation, clientBytes: 400_000, serverBytes: 400_000, seed: 9)
        let longest = simulation.server.longestFrame
        #expect(longest <= window + SegmentWriter.maximumHeaderByteCount)
    }

    /// The first flight is the initial window of RFC 6928, in one frame.
    @Test func theFirstRunIsTheInitialWindow() {
        let simulation = Self.simulation(byteCount: 100_000)
        var longest = 0
        simulation.onFrame = { frame, isFromClient, _ in if !isFromClient { longest = max(longest, frame.count) } }
        _ = simulation.connect(isIPv6: false)
        simulation.run { simulation.server.runCount == 2 }
        let run = simulation.server.longestFrame
        #expect(run == 14 + 20 + 32 + 10 * 1_448)
        #expect(longest == 14 + 20 + 32 + 1_448, "what the wire carries is cut")
    }
}
