import TCPStack
import TestSupport
import Testing

@Suite struct ReceiveScripts {
    @Test(arguments: [
        Script(
            "out-of-order data is held and reported, the gap filled at once",
            """
            0.000 ! connect nots
            0.010 < P. 101:201 ack 1
            0.010 > . 1:1 ack 1 <sack 101:201>
            0.020 < P. 301:401 ack 1
            0.020 > . 1:1 ack 1 <sack 301:401 101:201>
            0.030 < P. 1:101 ack 1
            0.030 > . 1:1 ack 201 <sack 301:401>
            0.040 < P. 201:301 ack 1
            0.040 > . 1:1 ack 401 <nosack>
            0.040 ? received 400
            """),
        Script(
            "the block that changed latest comes first (RFC 2018 §4)",
            """
            0.000 ! connect nots
            0.010 < . 101:201 ack 1
            0.010 > . 1:1 ack 1 <sack 101:201>
            0.010 < . 301:401 ack 1
            0.010 > . 1:1 ack 1 <sack 301:401 101:201>
            0.010 < . 501:601 ack 1
            0.010 > . 1:1 ack 1 <sack 501:601 301:401 101:201>
            0.010 < . 201:251 ack 1
            0.010 > . 1:1 ack 1 <sack 101:251 501:601 301:401>
            """),
        Script(
            "four blocks without timestamps, three with them",
            """
            0.000 ! connect
            0.010 < . 101:201 ack 1
            0.010 > . 1:1 ack 1 <sack 101:201>
            0.010 < . 301:401 ack 1
            0.010 > . 1:1 ack 1 <sack 301:401 101:201>
            0.010 < . 501:601 ack 1
            0.010 > . 1:1 ack 1 <sack 501:601 301:401 101:201>
            0.010 < . 701:801 ack 1
            0.010 > . 1:1 ack 1 <sack 701:801 501:601 301:401>
            """),
        Script(
            "a duplicate is reported by D-SACK (RFC 2883 §4.1.1)",
            """
            0.000 ! connect nots
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 101
            0.020 < P. 1:101 ack 1
            0.020 > . 1:1 ack 101 <sack 1:101>
            """),
        Script(
            "a duplicate above the ACK is reported by D-SACK before its block (RFC 2883 §4.1.2)",
            """
            0.000 ! connect nots
            0.010 < P. 101:201 ack 1
            0.010 > . 1:1 ack 1 <sack 101:201>
            0.020 < P. 101:201 ack 1
            0.020 > . 1:1 ack 1 <sack 101:201 101:201>
            """),
        Script(
            "a segment that overlaps what is known brings its new part",
            """
            0.000 ! connect nots
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 101
            0.020 < P. 51:151 ack 1
            0.020 > . 1:1 ack 151 <sack 51:101>
            0.020 ? received 150
            """),
        Script(
            "without SACK every out-of-order segment draws its own duplicate ACK",
            """
            0.000 ! connect nots nosack
            0.010 < P. 101:201 ack 1
            0.010 > . 1:1 ack 1 <nosack>
            0.010 < P. 201:301 ack 1
            0.010 > . 1:1 ack 1
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 301
            """),
        Script(
            "text beyond the window is cut off",
            """
            0.000 ! connect nots
            0.000 ! hold
            0.010 < P. 65001:66001 ack 1
            0.010 > . 1:1 ack 1 <sack 65001:65536>
            """),
        Script(
            "text wholly beyond the window draws an ACK",
            """
            0.000 ! connect nots
            0.010 < P. 65536:65600 ack 1
            0.010 > . 1:1 ack 1
            0.010 ? drop outsideWindow 1
            """),
        Script(
            "a keepalive probe is answered",
            """
            0.000 ! connect nots
            0.010 < P. 1:11 ack 1
            0.010 > . 1:1 ack 11
            1.000 < . 10:10 ack 1
            1.000 > . 1:1 ack 11
            2.000 < . 10:11 ack 1
            2.000 > . 1:1 ack 11
            """),
        Script(
            "urgent data is received in line (RFC 6093)",
            """
            0.000 ! connect nots
            0.010 < PU. 1:11 ack 1
            0.010 > . 1:1 ack 11
            0.010 ? received 10
            """),
        Script(
            "text after the peer's FIN is not taken",
            """
            0.000 ! connect nots
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.020 < P. 2:12 ack 1
            0.020 > . 1:1 ack 2
            0.020 ? received 0
            """),
    ])
    func reassembly(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "an application that does not read closes the window, reading opens it",
            """
            0.000 ! connect nots
            0.000 ! hold
            0.010 < . 1:30001 ack 1
            0.010 > . 1:1 ack 30001 win 35535
            0.020 < . 30001:60001 ack 1
            0.020 > . 1:1 ack 60001 win 5535
            0.030 < . 60001:65536 ack 1
            0.030 > . 1:1 ack 65536 win 0
            0.040 ! read 1000
            0.050 ! read 30000
            0.050 > . 1:1 ack 65536 win 31000
            0.050 ? unread 34535
            """),
        Script(
            "a probe of the closed window is refused but answered, its ACK counts",
            """
            0.000 ! connect nots
            0.000 ! hold; send 10
            0.000 > P. 1:11 ack 1
            0.010 < . 1:30001 ack 1
            0.010 > . 11:11 ack 30001
            0.010 < . 30001:60001 ack 1
            0.010 > . 11:11 ack 60001
            0.010 < . 60001:65536 ack 1
            0.010 > . 11:11 ack 65536 win 0
            0.020 < . 65536:65537 ack 11
            0.020 > . 11:11 ack 65536 win 0
            0.020 ? acked 10
            """),
        Script(
            "small reads do not make small windows (RFC 9293 §3.8.6.2.2)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! hold
            0.010 < . 1:30001 ack 1
            0.010 > . 1:1 ack 30001
            0.010 < . 30001:60001 ack 1
            0.010 > . 1:1 ack 60001
            0.010 < . 60001:65536 ack 1
            0.010 > . 1:1 ack 65536 win 0
            0.020 ! read 999
            0.030 < . 65536:65537 ack 1
            0.030 > . 1:1 ack 65536 win 0
            0.040 ! read 1
            0.040 > . 1:1 ack 65536 win 1000
            """),
        Script(
            "the window is offered in units of its scale and the edge never moves left",
            change: {
                $0.maximumReceiveWindow = 1 << 20
            },
            """
            0.000 < S 0:0 win 65535 <mss 1460,sackOK,wscale 7>
            0.000 > S. 0:0 ack 1 win 65535 <wscale 5>
            0.010 < . 1:1 ack 1
            0.010 ! hold
            0.020 < P. 1:2 ack 1
            0.020 > . 1:1 ack 2 win 2047
            0.030 < P. 2:34 ack 1
            0.030 > . 1:1 ack 34 win 2046
            0.040 < . 34:65 ack 1
            0.040 > . 1:1 ack 65 win 2045
            """),
    ])
    func window(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "after the first segments an ACK waits for a second segment",
            """
            0.000 ! connect nots
            0.001 < . 1:1001 ack 1
            0.001 > . 1:1 ack 1001
            0.002 < . 1001:2001 ack 1
            0.002 > . 1:1 ack 2001
            0.003 < . 2001:3001 ack 1
            0.003 > . 1:1 ack 3001
            0.004 < . 3001:4001 ack 1
            0.004 > . 1:1 ack 4001
            0.005 < . 4001:5001 ack 1
            0.005 > . 1:1 ack 5001
            0.006 < . 5001:6001 ack 1
            0.006 > . 1:1 ack 6001
            0.007 < . 6001:7001 ack 1
            0.007 > . 1:1 ack 7001
            0.008 < . 7001:8001 ack 1
            0.008 > . 1:1 ack 8001
            0.009 < . 8001:9001 ack 1
            0.009 > . 1:1 ack 9001
            0.010 < . 9001:10001 ack 1
            0.010 > . 1:1 ack 10001
            0.011 < . 10001:11001 ack 1
            0.011 > . 1:1 ack 11001
            0.012 < . 11001:12001 ack 1
            0.012 > . 1:1 ack 12001
            0.013 < . 12001:13001 ack 1
            0.013 > . 1:1 ack 13001
            0.014 < . 13001:14001 ack 1
            0.014 > . 1:1 ack 14001
            0.015 < . 14001:15001 ack 1
            0.015 > . 1:1 ack 15001
            0.016 < . 15001:16001 ack 1
            0.016 > . 1:1 ack 16001
            0.020 < . 16001:16101 ack 1
            0.060 > . 1:1 ack 16101
            0.060 ? count delayedAcknowledgments 1
            0.070 < . 16101:17561 ack 1
            0.080 < . 17561:19021 ack 1
            0.080 > . 1:1 ack 19021
            """),
        Script(
            "an answer carries the ACK",
            """
            0.000 ! connect nots
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 101
            0.010 ! send 100
            0.010 > P. 1:101 ack 101
            """),
    ])
    func acknowledging(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "a segment with an old timestamp is refused (RFC 7323 §5)",
            """
            0.000 ! connect
            1.000 < P. 1:11 ack 1 <ts 60000>
            1.000 > . 1:1 ack 11
            2.000 < P. 11:21 ack 1 <ts 59999>
            2.000 > . 1:1 ack 11
            2.000 ? received 10
            2.000 ? drop paws 1
            """),
        Script(
            "a segment without the timestamp that was agreed on is dropped (RFC 7323 §3.2)",
            """
            0.000 ! connect
            1.000 < P. 1:11 ack 1 <nots>
            1.000 ? received 0
            1.000 ? drop missingTimestamp 1
            """),
        Script(
            "RST needs no timestamp",
            """
            0.000 ! connect
            1.000 < R 1:1 <nots>
            1.000 ? event closed(reset)
            """),
        Script(
            "after 24 idle days any timestamp is new (RFC 7323 §5.5)",
            """
            0.000 ! connect
            2100000.000 < P. 1:11 ack 1 <ts 1>
            2100000.000 > . 1:1 ack 11
            2100000.000 ? received 10
            """),
    ])
    func timestamps(script: Script) { script.expectPass() }
}
