import TCPStack
import TestSupport
import Testing

/// What an application may ask of one connection.
@Suite struct ApplicationScripts {
    @Test(arguments: [
        Script(
            "close with everything read: FIN, and the end is reported",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 500; close
            0.000 > FP. 1:501 ack 1
            0.020 < . 1:1 ack 502
            0.020 ? state finWait2
            0.021 < F. 1:1 ack 502
            0.021 > . 502:502 ack 2
            0.021 ? event acknowledged peerFinished closed(finished)
            """),
        Script(
            "close with bytes unread: RST at once (RFC 9293 §3.6.1, RFC 2525 §2.17)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! hold
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 101
            0.010 ? unread 100
            0.020 ! close
            0.020 > R. 1:1 ack 101
            0.020 ? connections 0
            0.020 ? count closedWithUnread 1
            0.020 ? history synReceived established resetSent(unreadAtClose) closed(aborted)
            """),
        Script(
            "text that arrives after close: RST (RFC 9293 §3.6.1)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! close
            0.000 > F. 1:1 ack 1
            0.010 < P. 1:101 ack 1
            0.010 > R. 2:2 ack 1
            0.010 ? event closed(aborted)
            0.010 ? connections 0
            0.010 ? drop closedForReading 1
            """),
        Script(
            "text after close in FIN_WAIT_2, too",
            """
            0.000 ! connect nots mss 1000
            0.000 ! close
            0.000 > F. 1:1 ack 1
            0.010 < . 1:1 ack 2
            0.020 < P. 1:101 ack 2
            0.020 > R. 2:2 ack 1
            0.020 ? event closed(aborted)
            """),
        Script(
            "FIN after close is welcome",
            """
            0.000 ! connect nots mss 1000
            0.000 ! close
            0.000 > F. 1:1 ack 1
            0.010 < F. 1:1 ack 2
            0.010 > . 2:2 ack 2
            0.010 ? event peerFinished closed(finished)
            0.010 ? state timeWait
            """),
        Script(
            "a retransmission of what was read before close is acknowledged, not reset",
            """
            0.000 ! connect nots mss 1000
            0.000 < P. 1:101 ack 1
            0.000 > . 1:1 ack 101
            0.010 ! close
            0.010 > F. 1:1 ack 101
            0.020 < P. 1:101 ack 1
            0.020 > . 2:2 ack 101
            0.020 ? state finWait1
            """),
        Script(
            "no more connections linger than the limit allows", change: { $0.orphanLimit = 0 },
            """
            0.000 ! connect nots mss 1000
            0.000 ! close
            0.000 > R. 1:1 ack 1
            0.000 ? connections 0
            0.000 ? count orphansRefused 1
            """),
        Script(
            "close of an open that is under way",
            """
            0.000 ! open
            0.000 > S 0:0
            0.010 ! close
            0.010 ? connections 0
            0.020 < S. 0:0 ack 1 win 65535
            0.020 > R 1:1
            """),
        Script(
            "close in CLOSE_WAIT goes by LAST_ACK",
            """
            0.000 ! connect nots mss 1000
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.010 ? state closeWait
            0.020 ! close
            0.020 > F. 1:1 ack 2
            0.020 ? state lastAck
            0.030 < . 2:2 ack 2
            0.030 ? event peerFinished closed(finished)
            0.030 ? connections 0
            """),
        Script(
            "abort in CLOSE_WAIT",
            """
            0.000 ! connect nots mss 1000
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.020 ! abort
            0.020 > R. 1:1 ack 2
            0.020 ? connections 0
            """),
    ])
    func close(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "a connection's own user timeout (RFC 9293 §3.8.3, ALP can set R2)",
            """
            0.000 ! connect nosack mss 1000
            0.000 ! usertimeout 1
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.600 > P. 1:101 ack 1
            1.401 ? event closed(timedOut)
            1.401 ? count userTimeouts 1
            1.401 ? connections 0
            """),
        Script(
            "the third retransmission without an answer is told (R1)",
            """
            0.000 ! connect nosack mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.600 > P. 1:101 ack 1
            0.700 ? event 
            1.400 > P. 1:101 ack 1
            1.401 ? event stalled
            1.410 < . 1:1 ack 101
            1.410 ? event acknowledged
            1.410 ? count stalled 1
            """),
        Script(
            "keepalive on demand, after two hours",
            """
            0.000 ! connect nots mss 1000
            0.000 ? timers none
            0.000 ! keepalive on
            0.000 ? timers keepalive
            7199.000 ? count keepaliveProbes 0
            7200.000 > . 0:0 ack 1
            7200.010 < . 1:1 ack 1
            14400.010 > . 0:0 ack 1
            14400.020 < . 1:1 ack 1
            """),
        Script(
            "keepalive turned off", change: { $0.keepaliveIdle = .seconds(10) },
            """
            0.000 ! connect nots mss 1000
            10.000 > . 0:0 ack 1
            10.010 < . 1:1 ack 1
            11.000 ! keepalive off
            100.000 ? state established
            100.000 ? count keepaliveProbes 1
            """),
        Script(
            "a lost answer to one keepalive probe ends nothing", change: { $0.keepaliveIdle = .seconds(10) },
            """
            0.000 ! connect nots mss 1000
            10.000 > . 0:0 ack 1
            20.000 > . 0:0 ack 1
            20.010 < . 1:1 ack 1
            30.010 > . 0:0 ack 1
            30.020 < . 1:1 ack 1
            30.020 ? state established
            """),
        Script(
            "no keepalive while data is in flight", change: { $0.keepaliveIdle = .milliseconds(150) },
            """
            0.000 ! connect nosack mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.200 > P. 1:101 ack 1
            0.220 < . 1:1 ack 101
            0.220 ? count keepaliveProbes 0
            0.370 > . 100:100 ack 1
            0.380 < . 1:1 ack 101
            """),
        Script(
            "Diffserv code point and hop limit (RFC 9293 §3.9.1.1, §3.9.2)",
            change: {
                $0.codePoint = 10
                $0.hopLimit = 33
            },
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1 dscp 10 ttl 33
            0.010 < . 1:1 ack 1
            0.010 ! codepoint 46
            0.010 ! send 10
            0.010 > P. 1:11 ack 1 dscp 46 ttl 33
            0.020 < . 1:1 ack 11 dscp 8
            """),
        Script(
            "a reset without a connection has them, too",
            change: {
                $0.codePoint = 10
                $0.hopLimit = 33
            },
            """
            0.000 < . 1:1 ack 5
            0.000 > R 0:0 dscp 10 ttl 33
            """),
        Script(
            "nothing is sent for a connection that was told to finish twice",
            """
            0.000 ! connect nots mss 1000
            0.000 ! finish; finish; send 10
            0.000 > F. 1:1 ack 1
            0.010 < . 1:1 ack 2
            0.010 ? acked 0
            """),
    ])
    func settings(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "urgent data is told about once, and where it ends (RFC 9293 §3.8.5)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! hold
            0.010 < PU. 1:11 ack 1 urg 5
            0.010 > . 1:1 ack 11
            0.010 ? event readable urgent
            0.010 ? urgent 5
            0.011 < PU. 11:21 ack 1 urg 0
            0.011 > . 1:1 ack 21
            0.011 ? event readable urgent
            0.011 ? urgent 10
            0.012 ! read 8
            0.012 ? urgent 2
            0.012 ! read 2
            0.012 ? urgent 0
            """),
        Script(
            "urgent data that is still to come",
            """
            0.000 ! connect nots mss 1000
            0.010 < U. 1:1 ack 1 urg 100
            0.010 ? event urgent
            0.010 ? urgent 100
            0.020 < U. 1:61 ack 1 urg 100
            0.020 > . 1:1 ack 61
            0.020 ? event readable
            0.020 ? urgent 40
            0.030 < . 61:101 ack 1
            0.030 > . 1:1 ack 101
            0.030 ? urgent 0
            """),
        Script(
            "a pointer that does not advance is no news",
            """
            0.000 ! connect nots mss 1000
            0.000 ! hold
            0.010 < PU. 1:11 ack 1 urg 8
            0.010 > . 1:1 ack 11
            0.020 < PU. 11:21 ack 1 urg 0
            0.020 > . 1:1 ack 21
            0.030 < PU. 21:31 ack 1 urg 0
            0.030 > . 1:1 ack 31
            0.030 ? count urgentSegments 3
            0.040 < U. 31:31 ack 1 urg 0
            0.040 < U. 31:31 ack 1 urg 0
            0.040 ? count urgentSegments 4
            """),
        Script(
            "URG counts with a closed window (RFC 9293 §3.8.6)", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.000 ! hold
            0.010 < P. 1:1001 ack 1
            0.010 > . 1:1 ack 1001 win 0
            0.020 < U. 1001:1001 ack 1 urg 7
            0.020 ? event readable urgent
            0.020 ? urgent 1007
            """),
        Script(
            "what is sent urgently says so until it is acknowledged",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 1500; urgent; send 1000
            0.000 > U. 1:1001 ack 1 urg 1500
            0.000 > U. 1001:2001 ack 1 urg 500
            0.000 > P. 2001:2501 ack 1
            0.020 < . 1:1 ack 2501
            0.020 ! send 10
            0.020 > P. 2501:2511 ack 1 urg 0
            0.040 < . 1:1 ack 2511
            """),
        Script(
            "the peer learns of urgent data though its window is closed",
            """
            0.000 ! connect nots mss 1000
            0.010 < . 1:1 ack 1 win 0
            0.010 ! send 100; urgent
            0.010 > U. 1:1 ack 1 urg 100
            0.020 < . 1:1 ack 1 win 1000
            0.020 > PU. 1:101 ack 1 urg 100
            0.040 < . 1:1 ack 101
            """),
    ])
    func urgent(script: Script) { script.expectPass() }
}
