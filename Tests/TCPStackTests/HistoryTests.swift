import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// What is told about connections: their state, and after the fact what happened to them.
@Suite struct HistoryTests {
    @Test(arguments: [
        Script(
            "a whole life",
            """
            0.000 ! connect nots mss 1000
            0.000 ? timers none
            0.000 ! send 1000; finish
            0.000 > FP. 1:1001 ack 1
            0.000 ? timers tailLossProbe
            0.020 < . 1:1 ack 1002
            0.021 < F. 1:1 ack 1002
            0.021 > . 1002:1002 ack 2
            0.021 ? timers state
            0.021 ? history synReceived established finSent finReceived timeWait closed(finished)
            61.000 ? connections 0
            61.000 ? history synReceived established finSent finReceived timeWait closed(finished)
            """),
        Script(
            "a bad day: a probe, a timeout, a reset",
            """
            0.000 ! connect mss 1000
            0.000 ! send 900
            0.000 > P. 1:901 ack 1
            0.000 ? timers tailLossProbe
            0.200 > P. 1:901 ack 1
            0.200 ? timers retransmission
            0.400 > P. 1:901 ack 1
            0.450 < R 2:2
            0.450 > . 901:901 ack 1
            0.460 < R 1:1
            0.460 ? event closed(reset)
            0.460 ? history synReceived established tailLossProbe retransmissionTimeout \
            challengeAcknowledgment(invalidReset) resetReceived closed(reset)
            """),
        Script(
            "a closed window, probed until it opens",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.010 < . 1:1 ack 1001 win 0
            0.010 ! send 500
            0.010 ? timers persist
            0.210 > . 1000:1000 ack 1
            0.220 < . 1:1 ack 1001 win 0
            0.610 > . 1000:1000 ack 1
            0.620 < . 1:1 ack 1001 win 5000
            0.620 > P. 1001:1501 ack 1
            0.620 ? history synReceived established zeroWindow windowProbe windowProbe windowOpened
            """),
        Script(
            "an active open, and an abort",
            """
            0.000 ! open
            0.000 > S 0:0
            0.000 ? timers handshake state
            0.020 < S. 0:0 ack 1 win 65535 <mss 1000>
            0.020 > . 1:1 ack 1
            0.020 ! abort
            0.020 > R. 1:1 ack 1
            0.020 ? history synSent established resetSent(aborted) closed(aborted)
            """),
    ])
    func ring(script: Script) { script.expectPass() }

    /// Entries beyond the sixteenth push out the oldest; times survive, pauses of months, too.
    @Test func ringWraps() {
        let endpoint = Endpoint(address: .any, port: 1)
        var history = ConnectionHistory(ConnectionID(index: 1, generation: 1), peer: endpoint, local: endpoint)
        #expect(history.count == 0 && history.description.isEmpty)
        let pauses: [UInt64] = [0, 1, 1_000, 2_147_483_647_000 - 1_000, 3_000_000_000_000, 20 * 86_400_000_000_000]
        var times: [UInt64] = []
        var time: UInt64 = 7_000_000
        for step in 0..<40 {
            // Microseconds up to 35 minutes, milliseconds beyond.
            time += pauses[step % pauses.count] / 1_000_000 * 1_000_000
            times.append(time)
            history.append(.tailLossProbe, UInt32(step) << 20, at: Instant(nanoseconds: time))
        }
        #expect(history.count == 16 && history.overwrittenCount == 24)
        for position in 0..<16 {
            #expect(history[position].instant.nanoseconds == times[24 + position])
            #expect(history[position].argument == min(UInt32(24 + position) << 20, 0xFF_FFFF))
        }
        let lines = history.description.split(separator: "\n")
        #expect(lines.count == 17 && lines[0] == "(24 earlier)" && lines[1] == "0.000000 tailLossProbe 16777215")
    }

    /// With fewer histories than connections the earliest taken is lost first, and taken anew with the next event.
    @Test func historiesAreShared() {
        var bench = StackTests.Bench { $0.historyCapacity = 2 }
        let ids = (1_000...1_002).compactMap { bench.connect(port: $0) }
        #expect(ids.count == 3 && bench.stack.histories == 0..<2)
        #expect(bench.stack.history(of: ids[0]) == nil)
        #expect(bench.stack.history(of: ids[2])?.count == 2)
        bench.stack.abort(ids[0])
        #expect(bench.stack.history(of: ids[1]) == nil)
        let gone = bench.stack.history(of: ids[0])
        #expect(gone?.peer.port == 1_000 && gone?.count == 2)
        #expect(gone.map { $0.description.hasSuffix("closed aborted\n") } == true)
        let kept = bench.stack.histories.map { bench.stack.history(at: $0).peer.port }
        #expect(Set(kept) == [1_000, 1_002])
    }

    @Test func infoTellsWhatHappened() {
        var bench = StackTests.Bench()
        guard let id = bench.connect() else {
            Issue.record("not connected")
            return
        }
        bench.now += 3_000_000_000
        _ = bench.stack.nextEvent(at: Instant(nanoseconds: bench.now))
        bench.stack.send(id, byteCount: 2_500)
        bench.transmit()
        bench.stack.send(id, byteCount: 100_000)
        let info = bench.stack.info(id)
        #expect(info?.state == .established && info?.recovery == .open)
        #expect(info?.peer == bench.client && info?.local == bench.server)
        #expect(info?.age == 3_000_000_000 && info?.idle == 3_000_000_000)
        #expect(info?.bytesInFlight == 2_500 && info?.bytesSent == 2_500 && info?.bytesUnsent == 100_000)
        #expect(info?.bytesPromised == 102_500 && info?.bytesAcknowledged == 0)
        // SYN,ACK and three data segments; SYN and ACK.
        #expect(info?.segmentsSent == 4 && info?.segmentsReceived == 1)
        #expect(info?.maximumSegmentSize == 1_000 && info?.pathMTU == 1_500 && info?.options == [])
        #expect(info?.timers == [.retransmission, .keepalive])
        bench.stack.abort(id)
        #expect(bench.stack.info(id) == nil)
    }

    /// A walk sees every connection that is there all the time once, however it is cut and whatever comes and goes.
    @Test(arguments: [1, 3, 100])
    func walk(limit: Int) {
        var bench = StackTests.Bench()
        let ids = (1_000..<1_010).compactMap { bench.connect(port: $0) }
        bench.stack.abort(ids[4])
        var cursor = ConnectionCursor()
        var seen: [ConnectionID] = []
        var calls = 0
        repeat {
            var left = limit
            while let id = bench.stack.nextConnection(&cursor, limit: &left) { seen.append(id) }
            #expect(left >= 0)
            calls += 1
        } while cursor.index != 0 && calls < 100
        let expected = ids.filter { $0 != ids[4] }
        #expect(seen == expected && calls == (9 + limit) / limit)
    }
}
