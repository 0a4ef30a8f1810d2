import TCPStack
import TestSupport
import Testing

@Suite struct CloseScripts {
    @Test(arguments: [
        Script(
            "this end closes first",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.000 ? state finWait1
            0.010 < . 1:1 ack 2
            0.010 ? state finWait2
            0.020 < F. 1:1 ack 2
            0.020 > . 2:2 ack 2
            0.020 ? state timeWait
            0.020 ? event peerFinished closed(finished)
            59.000 ? connections 1
            61.000 ? connections 0
            """),
        Script(
            "the peer closes first",
            """
            0.000 ! connect
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.010 ? state closeWait
            0.020 ! send 10; finish
            0.020 > FP. 1:11 ack 2
            0.020 ? state lastAck
            0.030 < . 2:2 ack 12
            0.030 ? event peerFinished acknowledged closed(finished)
            0.030 ? connections 0
            """),
        Script(
            "both close at once (RFC 9293 §3.6 figure 13)",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 1
            0.010 > . 2:2 ack 2
            0.010 ? state closing
            0.020 < . 2:2 ack 2
            0.020 ? state timeWait
            0.020 ? event peerFinished closed(finished)
            """),
        Script(
            "FIN and the ACK of our FIN in one segment",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            0.010 ? state timeWait
            """),
        Script(
            "half-close: data still comes in after FIN went out",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < . 1:1 ack 2
            0.020 < P. 1:1001 ack 2
            0.020 > . 2:2 ack 1001
            0.020 ? event readable
            0.030 < F. 1001:1001 ack 2
            0.030 > . 2:2 ack 1002
            0.030 ? event peerFinished closed(finished)
            """),
        Script(
            "half-close: data still goes out after FIN came in",
            """
            0.000 ! connect nots
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.020 ! send 1000
            0.020 > P. 1:1001 ack 2
            0.030 < . 2:2 ack 1001
            0.030 ! finish
            0.030 > F. 1001:1001 ack 2
            0.040 < . 2:2 ack 1002
            0.040 ? connections 0
            """),
        Script(
            "FIN goes with the last data",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1500; finish
            0.000 > . 1:1001 ack 1
            0.000 > FP. 1001:1501 ack 1
            0.010 < . 1:1 ack 1502
            0.010 ? state finWait2
            """),
        Script(
            "a lost FIN is sent again",
            """
            0.000 ! connect
            0.010 ! finish
            0.010 > F. 1:1 ack 1
            0.210 > F. 1:1 ack 1
            0.220 < . 1:1 ack 2
            0.220 ? state finWait2
            """),
        Script(
            "a FIN again in TIME_WAIT is acknowledged and starts the wait anew",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            30.000 < F. 1:1 ack 2
            30.000 > . 2:2 ack 2
            61.000 ? connections 1
            91.000 ? connections 0
            """),
        Script(
            "FIN with data, the application takes it later: closed comes after the bytes",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.000 ! hold
            0.010 < FP. 1:101 ack 2
            0.010 > . 2:2 ack 102
            0.010 ? state timeWait
            0.010 ? event readable peerFinished
            0.010 ? unread 100
            0.020 ! read 100
            0.030 ? event closed(finished)
            """),
        Script(
            "FIN out of order counts when the gap is filled",
            """
            0.000 ! connect nots
            0.010 < F. 101:201 ack 1
            0.010 > . 1:1 ack 1 <sack 101:202>
            0.020 < P. 1:101 ack 1
            0.020 > . 1:1 ack 202 <nosack>
            0.020 ? state closeWait
            0.020 ? event readable readable peerFinished
            """),
        Script(
            "FIN_WAIT_2 does not wait for ever",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < . 1:1 ack 2
            50.000 < P. 1:11 ack 2
            50.000 > . 2:2 ack 11
            100.000 ? state finWait2
            111.000 ? connections 0
            111.000 ? event readable closed(timedOut)
            """),
        Script(
            "a new connection out of TIME_WAIT (RFC 6191)",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            1.000 < S 100000:100000 win 65535 <mss 1460,ts>
            1.000 > S. 0:0 ack 100001
            1.000 ? count timeWaitReused 1
            """),
        Script(
            "an old SYN does not end TIME_WAIT",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            1.000 < S 0:0 win 65535 <mss 1460,ts 1>
            1.000 > . 2:2 ack 2
            1.000 ? state timeWait
            """),
        Script(
            "RST does not end TIME_WAIT (RFC 1337)",
            """
            0.000 ! connect
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            1.000 < R 2:2
            1.000 ? state timeWait
            """),
        Script(
            "abort",
            """
            0.000 ! connect
            0.000 ! send 10
            0.000 > P. 1:11 ack 1
            0.010 ! abort
            0.010 > R. 11:11 ack 1
            0.010 ? connections 0
            0.010 ? event
            """),
        Script(
            "data after abort draws RST",
            """
            0.000 ! connect
            0.000 ! abort
            0.000 > R. 1:1 ack 1
            0.010 < P. 1:11 ack 1
            0.010 > R 1:1
            """),
    ])
    func close(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "RST at RCV.NXT resets",
            """
            0.000 ! connect
            0.010 < R 1:1
            0.010 ? event closed(reset)
            0.010 ? connections 0
            """),
        Script(
            "RST inside the window draws a challenge ACK (RFC 5961 §3.2)",
            """
            0.000 ! connect
            0.010 < R 100:100
            0.010 > . 1:1 ack 1
            0.010 ? state established
            0.010 ? count challengeAcknowledgments 1
            """),
        Script(
            "RST outside the window draws nothing",
            """
            0.000 ! connect
            0.010 < R 0:0
            0.010 < R 65536:65536
            0.010 < R 70000:70000
            0.010 ? drop invalidReset 3
            0.010 ? state established
            """),
        Script(
            "SYN in a connection draws a challenge ACK, inside the window or not (RFC 5961 §4.2)",
            """
            0.000 ! connect
            0.010 < S 100:100 <ts>
            0.010 > . 1:1 ack 1
            1.010 < S 900000:900000 <ts>
            1.010 > . 1:1 ack 1
            1.010 ? state established
            """),
        Script(
            "challenge ACKs are limited (RFC 5961 §7)",
            """
            0.000 ! connect
            0.010 < R 100:100
            0.010 > . 1:1 ack 1
            0.020 < R 100:100
            0.100 < S 100:100 <ts>
            0.300 < R 100:100
            0.300 > . 1:1 ack 1
            """),
        Script(
            "an ACK of what was never sent draws a challenge ACK (RFC 5961 §5.2)",
            """
            0.000 ! connect
            0.010 < . 1:1 ack 100
            0.010 > . 1:1 ack 1
            0.010 ? state established
            """),
        Script(
            "an ACK older than the largest window is dropped with its data",
            """
            0.000 ! connect win 1000
            0.010 < P. 1:11 ack 4294900000
            0.010 > . 1:1 ack 1
            0.010 ? received 0
            """),
    ])
    func reset(script: Script) { script.expectPass() }
}
