import TCPStack
import TestSupport
import Testing

@Suite struct RecoveryScripts {
    /// A connection with ten segments of 1,000 bytes in flight.
    static let tenSegments = """
        0.000 ! connect nots mss 1000
        0.000 ! send 10000
        0.000 > . 1:1001 ack 1
        0.000 > . 1001:2001 ack 1
        0.000 > . 2001:3001 ack 1
        0.000 > . 3001:4001 ack 1
        0.000 > . 4001:5001 ack 1
        0.000 > . 5001:6001 ack 1
        0.000 > . 6001:7001 ack 1
        0.000 > . 7001:8001 ack 1
        0.000 > . 8001:9001 ack 1
        0.000 > P. 9001:10001 ack 1

        """

    @Test(arguments: [
        Script(
            "three segments sacked above a hole show a loss (RFC 6675)",
            tenSegments + """
                0.020 < . 1:1 ack 1 <sack 1001:2001>
                0.020 < . 1:1 ack 1 <sack 1001:3001>
                0.020 < . 1:1 ack 1 <sack 1001:4001>
                0.020 > . 1:1001 ack 1
                0.020 ? ssthresh 7000
                0.040 < . 1:1 ack 10001
                0.040 ? count retransmittedSegments 1
                0.040 ? count fastRetransmits 1
                """),
        Script(
            "new data goes out as segments arrive, down to the new window (PRR, RFC 6937)",
            tenSegments.replacing("send 10000", with: "send 20000").replacing("P. 9001", with: ". 9001") + """
                0.020 < . 1:1 ack 1 <sack 1001:4001>
                0.020 > . 1:1001 ack 1
                0.020 ? cwnd 7000
                0.021 < . 1:1 ack 1 <sack 1001:5001>
                0.021 > . 10001:11001 ack 1
                0.022 < . 1:1 ack 1 <sack 1001:6001>
                0.022 > . 11001:12001 ack 1
                0.022 ? cwnd 7000
                """),
        Script(
            "reordering within a quarter of the round trip is no loss (RFC 8985)",
            tenSegments + """
                0.020 < . 1:1 ack 1 <sack 1001:2001>
                0.022 < . 1:1 ack 2001
                0.030 < . 1:1 ack 10001
                0.030 ? count retransmittedSegments 0
                """),
        Script(
            "a hole is lost a quarter of the round trip later (RFC 8985 §6.2)",
            tenSegments + """
                0.020 < . 1:1 ack 1 <sack 1001:2001>
                0.025 > . 1:1001 ack 1
                0.045 < . 1:1 ack 10001
                """),
        Script(
            "two holes",
            tenSegments + """
                0.020 < . 1:1 ack 1001 <sack 2001:3001 4001:10001>
                0.020 > . 1001:2001 ack 1
                0.020 > . 3001:4001 ack 1
                0.040 < . 1:1 ack 3001 <sack 4001:10001>
                0.041 < . 1:1 ack 10001
                0.041 ? count retransmittedSegments 2
                """),
        Script(
            "a lost retransmission is found by what was sent after it (RFC 8985 §3.3)",
            tenSegments + """
                0.020 < . 1:1 ack 1001 <sack 2001:3001 4001:10001>
                0.020 > . 1001:2001 ack 1
                0.020 > . 3001:4001 ack 1
                0.040 < . 1:1 ack 1001 <sack 2001:10001>
                0.040 > . 1001:2001 ack 1
                0.060 < . 1:1 ack 10001
                """),
        Script(
            "the tail is probed after two round trips (RFC 8985 §7)",
            tenSegments + """
                0.020 < . 1:1 ack 8001
                0.060 > P. 9001:10001 ack 1
                0.081 < . 1:1 ack 8001 <sack 9001:10001>
                0.081 > . 8001:9001 ack 1
                0.100 < . 1:1 ack 10001
                0.100 ? count tailLossProbes 1
                0.100 ? count retransmissionTimeouts 0
                """),
        Script(
            "a probe that repaired the loss halves the window all the same (RFC 8985 §7.4.2)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.020 < . 1:1 ack 1001
            0.220 > P. 1001:2001 ack 1
            0.240 < . 1:1 ack 2001
            0.250 ! send 1000
            0.250 > P. 2001:3001 ack 1
            0.270 < . 1:1 ack 3001
            0.270 ? ssthresh 7000
            """),
        Script(
            "a probe that was not needed costs nothing (D-SACK)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.020 < . 1:1 ack 1001
            0.220 > P. 1001:2001 ack 1
            0.221 < . 1:1 ack 2001
            0.240 < . 1:1 ack 2001 <sack 1001:2001>
            0.250 ! send 1000
            0.250 > P. 2001:3001 ack 1
            0.270 < . 1:1 ack 3001
            0.270 ? ssthresh 4294967295
            """),
        Script(
            "without SACK the third duplicate ACK shows the loss (RFC 5681 §3.2)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 5000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > . 2001:3001 ack 1
            0.000 > . 3001:4001 ack 1
            0.000 > P. 4001:5001 ack 1
            0.020 < . 1:1 ack 1
            0.020 < . 1:1 ack 1
            0.020 < . 1:1 ack 1
            0.020 > . 1:1001 ack 1
            0.040 < . 1:1 ack 5001
            0.040 ? count fastRetransmits 1
            """),
        Script(
            "without SACK a partial ACK shows the next loss (RFC 6582)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 6000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > . 2001:3001 ack 1
            0.000 > . 3001:4001 ack 1
            0.000 > . 4001:5001 ack 1
            0.000 > P. 5001:6001 ack 1
            0.020 < . 1:1 ack 1
            0.020 < . 1:1 ack 1
            0.020 < . 1:1 ack 1
            0.020 > . 1:1001 ack 1
            0.040 < . 1:1 ack 3001
            0.040 > . 3001:4001 ack 1
            0.060 < . 1:1 ack 6001
            0.060 ? count retransmittedSegments 2
            """),
        Script(
            "SACK blocks outside of what was sent are ignored",
            tenSegments + """
                0.020 < . 1:1 ack 1001 <sack 20001:30001 4000000000:4000001000 5001:5001>
                0.021 < . 1:1 ack 10001
                0.021 ? count retransmittedSegments 0
                """),
    ])
    func fastRetransmit(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "the timer backs off and the connection is given up (RFC 6298 §5, RFC 9293 §3.8.3)",
            change: {
                $0.userTimeout = .seconds(10)
            },
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.200 > P. 1:1001 ack 1
            0.600 > P. 1:1001 ack 1
            1.400 > P. 1:1001 ack 1
            3.000 > P. 1:1001 ack 1
            6.200 > P. 1:1001 ack 1
            12.700 ? event stalled closed(timedOut)
            12.700 ? connections 0
            """),
        Script(
            "after a timeout one segment, then slow start",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 4000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > . 2001:3001 ack 1
            0.000 > P. 3001:4001 ack 1
            0.200 > . 1:1001 ack 1
            0.200 ? cwnd 1000
            0.220 < . 1:1 ack 1001
            0.220 > . 1001:2001 ack 1
            0.220 > . 2001:3001 ack 1
            0.240 < . 1:1 ack 3001
            0.240 > P. 3001:4001 ack 1
            0.260 < . 1:1 ack 4001
            """),
        Script(
            "only what was not received is sent again after a timeout",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > P. 2001:3001 ack 1
            0.040 > P. 2001:3001 ack 1
            0.240 > . 1:1001 ack 1
            0.260 < . 1:1 ack 1001 <sack 2001:3001>
            0.260 > . 1001:2001 ack 1
            0.280 < . 1:1 ack 3001
            """),
        Script(
            "a timeout for nothing is undone, told by the timestamp (RFC 3522)",
            """
            0.000 ! connect nosack mss 1012
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > P. 2001:3001 ack 1
            0.200 > . 1:1001 ack 1
            0.200 ? cwnd 1000
            0.250 < . 1:1 ack 1001 <ts 50250 @0.000>
            0.250 ? count spuriousRetransmissions 1
            0.250 ? cwnd 10000
            0.251 < . 1:1 ack 3001
            0.251 ? count retransmittedSegments 1
            """),
        Script(
            "retransmissions that all were duplicates are undone, told by D-SACK (RFC 3708)",
            tenSegments + """
                0.020 < . 1:1 ack 1 <sack 1001:4001>
                0.020 > . 1:1001 ack 1
                0.022 < . 1:1 ack 4001
                0.040 < . 1:1 ack 4001 <sack 1:1001>
                0.040 ? count spuriousRetransmissions 1
                0.041 < . 1:1 ack 10001
                """),
        Script(
            "ranges that the peer took back are sent again after a timeout (RFC 2018 §8)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.020 < . 1:1 ack 1 <sack 1001:2001>
            0.025 > . 1:1001 ack 1
            0.045 < . 1:1 ack 1001
            0.245 > P. 1001:2001 ack 1
            0.265 < . 1:1 ack 2001
            """),
    ])
    func timeouts(script: Script) { script.expectPass() }
}
