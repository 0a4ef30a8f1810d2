import TCPStack
import TestSupport
import Testing

/// Window edges, probes, PSH, round-trip samples, errors: what the other suites of scripts leave out.
@Suite struct EdgeScripts {
    @Test(arguments: [
        Script(
            "a window above 32,767 is not negative (RFC 9293 §3.1)",
            """
            0.000 ! connect nots mss 1000 win 65535
            0.000 ? sendwindow 65535
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 40000
            0.020 ? sendwindow 40000
            """),
        Script(
            "a window that shrinks: nothing new is sent, the old is sent again (RFC 9293 §3.8.6)",
            """
            0.000 ! connect nots nosack mss 1000 win 5000
            0.000 ! send 6000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > . 2001:3001 ack 1
            0.000 > . 3001:4001 ack 1
            0.000 > . 4001:5001 ack 1
            0.020 < . 1:1 ack 1001 win 500
            0.220 > . 1001:2001 ack 1
            0.240 < . 1:1 ack 5001 win 2000
            0.240 > P. 5001:6001 ack 1
            0.260 < . 1:1 ack 6001
            """),
        Script(
            "the last segment of what was promised carries PSH, the others do not (RFC 9293 §3.9.1.2)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1000; send 1000; send 500
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > P. 2001:2501 ack 1
            0.020 < . 1:1 ack 2501
            0.020 ? acked 2500
            """),
        Script(
            "no MSS option in a segment without SYN (RFC 9293 §3.7.1)",
            """
            0.000 < S 0:0 win 65535 <mss 1000,ts,sackOK,wscale 2>
            0.000 > S. 0:0 ack 1 <sackOK,ts,wscale 0>
            0.010 < . 1:1 ack 1
            0.010 ! send 10; finish
            0.010 > FP. 1:11 ack 1 <ts,noMss,noSackOK,noWscale>
            0.020 < . 1:1 ack 12
            """),
        Script(
            "the peer's window is full to the last byte, then closed",
            """
            0.000 ! connect nots mss 1000 win 2500
            0.000 ! send 5000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.020 < . 1:1 ack 2001 win 500
            0.040 < . 1:1 ack 2001 win 0
            0.220 > . 2000:2000 ack 1
            0.230 < . 1:1 ack 2001 win 3000
            0.230 > . 2001:3001 ack 1
            0.230 > . 3001:4001 ack 1
            0.230 > P. 4001:5001 ack 1
            0.250 < . 1:1 ack 5001
            """),
        Script(
            "of two segments out of order the one that was sent later tells the window (SND.WL1)",
            """
            0.000 ! connect nots mss 1000 win 5000
            0.010 < P. 201:301 ack 1 win 9000
            0.010 > . 1:1 ack 1 <sack 201:301>
            0.010 ? sendwindow 9000
            0.020 < P. 1:101 ack 1 win 100
            0.020 > . 1:1 ack 101 <sack 201:301>
            0.020 ? sendwindow 9000
            """),
        Script(
            "the window of a SYN,ACK is not scaled (RFC 7323 §2.2)",
            """
            0.000 ! open
            0.000 > S 0:0
            0.020 < S. 0:0 ack 1 win 1000 <mss 1000,wscale 4>
            0.020 > . 1:1 ack 1
            0.020 ? sendwindow 1000
            0.030 < P. 1:11 ack 1 win 1000
            0.030 > . 1:1 ack 11
            0.030 ? sendwindow 16000
            """),
        Script(
            "a window update and an ACK in one segment",
            """
            0.000 ! connect nots mss 1000 win 1000
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 2000
            0.020 > . 1001:2001 ack 1
            0.020 > P. 2001:3001 ack 1
            0.040 < . 1:1 ack 3001
            """),
        Script(
            "FIN needs no window (RFC 9293 §3.10.4)",
            """
            0.000 ! connect nots mss 1000 win 1000
            0.000 ! send 1000; finish
            0.000 > FP. 1:1001 ack 1
            0.020 < . 1:1 ack 1002 win 0
            0.020 ? state finWait2
            """),
        Script(
            "data that fills our window to its last byte is taken", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.000 ! hold
            0.010 < P. 1:1001 ack 1
            0.010 > . 1:1 ack 1001 win 0
            0.010 ? unread 1000
            0.020 < . 1001:1001 ack 1
            0.030 ! read
            0.030 > . 1:1 ack 1001 win 1000
            """),
        Script(
            "FIN behind data that fills the window leaves it closed", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.000 ! hold
            0.010 < FP. 1:1001 ack 1
            0.010 > . 1:1 ack 1002 win 0
            0.010 ? event readable peerFinished
            """),
        Script(
            "a byte too many is cut off at the right edge", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.010 < P. 500:1002 ack 1
            0.010 > . 1:1 ack 1 <sack 500:1001>
            0.020 < P. 1:500 ack 1
            0.020 > . 1:1 ack 1001
            0.020 ? received 1000
            """),
    ])
    func windows(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "a retransmitted segment is no round-trip sample (Karn, RFC 6298 §3)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ? srtt 20
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.500 < . 1:1 ack 101
            0.500 ? srtt 20
            """),
        Script(
            "nor is one that waited at the peer for a retransmitted one before it",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.200 > . 1:1001 ack 1
            0.500 < . 1:1 ack 2001
            0.500 ? srtt 20
            """),
        Script(
            "with timestamps it is, by what is echoed (RFC 7323 §4)",
            """
            0.000 ! connect nosack mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.280 < . 1:1 ack 101
            0.280 ? srtt 27
            """),
        Script(
            "the timeout follows the round trip, and is no less than the minimum (RFC 6298 §2)",
            """
            0.000 ! connect nots mss 1000
            0.000 ? rto 200
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.180 < . 1:1 ack 101
            0.180 ? srtt 40
            0.180 ? rto 230
            """),
        Script(
            "backoff ends with the first acknowledgment (RFC 6298 §5)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.600 > P. 1:101 ack 1
            0.700 < . 1:1 ack 101
            0.700 ? rto 200
            0.700 ! send 100
            0.700 > P. 101:201 ack 1
            0.900 > P. 101:201 ack 1
            0.910 < . 1:1 ack 201
            """),
        Script(
            "an acknowledgment of a part restarts the timer (RFC 6298 §5.3)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.150 < . 1:1 ack 1001
            0.350 > P. 1001:2001 ack 1
            0.380 < . 1:1 ack 2001
            """),
        Script(
            "a lost SYN,ACK means a window of one segment (RFC 5681 §3.1)",
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1
            1.000 > S. 0:0 ack 1
            1.010 < . 1:1 ack 1
            1.010 ? cwnd 1000
            1.010 ! send 3000
            1.010 > . 1:1001 ack 1
            1.030 < . 1:1 ack 1001
            1.030 > . 1001:2001 ack 1
            1.030 > P. 2001:3001 ack 1
            1.050 < . 1:1 ack 3001
            """),
        Script(
            "a window that the application does not fill does not grow (RFC 7661)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001
            0.020 ! send 1000
            0.020 > P. 1001:2001 ack 1
            0.040 < . 1:1 ack 2001
            0.040 ? cwnd 10000
            """),
        Script(
            "an ACK for half a segment counts for half of it (ABC, RFC 3465)",
            RecoveryScripts.tenSegments + """
                0.020 < . 1:1 ack 501
                0.020 ? cwnd 10500
                0.020 < . 1:1 ack 10001
                0.020 ? cwnd 20000
                """),
        Script(
            "ACKs of what is acknowledged already are counted, and cost nothing without SACK blocks",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.010 < . 1:1 ack 1
            0.010 < . 1:1 ack 1
            0.010 ? count duplicateAcknowledgments 2
            0.020 < . 1:1 ack 2001
            0.020 ? count retransmittedSegments 0
            """),
        Script(
            "a duplicate ACK that brings data is none (RFC 5681 §2)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.010 < P. 1:11 ack 1
            0.010 > . 1001:1001 ack 11
            0.011 < P. 11:21 ack 1
            0.011 > . 1001:1001 ack 21
            0.012 < P. 21:31 ack 1
            0.012 > . 1001:1001 ack 31
            0.020 < . 31:31 ack 1001
            0.020 ? count duplicateAcknowledgments 0
            """),
        Script(
            "a duplicate ACK that moves the window is none (RFC 5681 §2)",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.010 < . 1:1 ack 1 win 60000
            0.011 < . 1:1 ack 1 win 50000
            0.012 < . 1:1 ack 1 win 40000
            0.020 < . 1:1 ack 1001
            0.020 ? count duplicateAcknowledgments 0
            """),
    ])
    func acknowledgments(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "source quench is ignored (RFC 9293 §3.9.2.2, RFC 6633)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.010 ! icmp 4 0 1
            0.010 ? cwnd 10000
            0.010 ? drop ignoredICMP 1
            0.020 < . 1:1 ack 1001
            """),
        Script(
            "an unreachable network is noted, and ends nothing (RFC 5927 §5.2)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1000
            0.000 > P. 1:1001 ack 1
            0.010 ! unreachable 1
            0.010 ? history synReceived established unreachable
            0.010 ? state established
            0.020 < . 1:1 ack 1001
            """),
        Script(
            "time exceeded and parameter problem end no open",
            """
            0.000 ! open
            0.000 > S 0:0
            0.010 ! icmp 11 0 0
            0.010 ! icmp 12 0 0
            0.010 ? state synSent
            """),
        Script(
            "the path's MTU may shrink twice",
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 1400
            0.000 > P. 1:1401 ack 1
            0.010 ! toobig 1300 1
            0.010 > . 1:1301 ack 1
            0.010 > P. 1301:1401 ack 1
            0.012 ! toobig 1250 1
            0.012 > . 1:1251 ack 1
            0.012 > P. 1251:1401 ack 1
            0.030 < . 1:1 ack 1401
            0.030 ? count pathMTUReductions 2
            0.030 ? history synReceived established pathMTUReduced pathMTUReduced recoveryEnded
            """),
        Script(
            "simultaneous open, then RST: the open is refused, not back to LISTEN (RFC 9293 §3.10.7.4)",
            """
            0.000 ! open
            0.000 > S 0:0
            0.010 < S 0:0 win 65535 <mss 1000>
            0.010 > S. 0:0 ack 1
            0.020 < R. 1:1 ack 1
            0.020 ? event closed(reset)
            0.020 ? connections 0
            """),
        Script(
            "simultaneous open whose SYN,ACKs are lost is completed by retransmission",
            """
            0.000 ! open
            0.000 > S 0:0
            0.010 < S 0:0 win 65535 <mss 1000>
            0.010 > S. 0:0 ack 1
            1.010 > S. 0:0 ack 1
            1.020 < . 1:1 ack 1
            1.020 ? event established
            """),
        Script(
            "both ends close in a simultaneous open's first breath",
            """
            0.000 ! open
            0.000 > S 0:0
            0.000 ! finish
            0.010 < S 0:0 win 65535 <mss 1000>
            0.010 > S. 0:0 ack 1
            0.020 < F. 1:1 ack 1
            0.020 > F. 1:1 ack 2
            0.020 ? state lastAck
            0.030 < . 2:2 ack 2
            0.030 ? connections 0
            """),
    ])
    func errorsAndOpens(script: Script) { script.expectPass() }
}
