import TCPStack
import TestSupport
import Testing

/// TIME_WAIT (RFC 9293 §3.6.1, RFC 1337, RFC 6191), and blind attacks (RFC 5961).
@Suite struct TimeWaitScripts {
    /// This end closed first and is in TIME_WAIT; the peer's clock stood at 900.
    static let timeWait = """
        0.000 < S 0:0 win 65535 <mss 1000,ts 900>
        0.000 > S. 0:0 ack 1
        0.010 < . 1:1 ack 1 <ts 900>
        0.010 ! finish
        0.010 > F. 1:1 ack 1
        0.020 < F. 1:1 ack 2 <ts 900>
        0.020 > . 2:2 ack 2
        0.020 ? state timeWait

        """
    static let withoutTimestamps = """
        0.000 ! connect nots mss 1000
        0.010 ! finish
        0.010 > F. 1:1 ack 1
        0.020 < F. 1:1 ack 2
        0.020 > . 2:2 ack 2

        """

    @Test(arguments: [
        Script(
            "a newer timestamp begins anew, whatever the sequence number",
            timeWait + """
                1.000 < S 4294900000:4294900000 win 65535 <mss 1000,ts 901>
                1.000 > S. 0:0 ack 4294900001
                1.000 ? count timeWaitReused 1
                """),
        Script(
            "an older timestamp does not, whatever the sequence number (RFC 6191 §2)",
            timeWait + """
                1.000 < S 100000:100000 win 65535 <mss 1000,ts 899>
                1.000 > . 2:2 ack 2
                1.000 ? state timeWait
                1.000 ? count timeWaitReused 0
                """),
        Script(
            "the same timestamp and a greater sequence number begin anew",
            timeWait + """
                1.000 < S 100000:100000 win 65535 <mss 1000,ts 900>
                1.000 > S. 0:0 ack 100001
                """),
        Script(
            "the same timestamp and a smaller sequence number do not",
            timeWait + """
                1.000 < S 1:1 win 65535 <mss 1000,ts 900>
                1.000 > . 2:2 ack 2
                1.000 ? state timeWait
                """),
        Script(
            "without timestamps the sequence number decides",
            withoutTimestamps + """
                1.000 < S 3:3 win 65535 <mss 1000>
                1.000 > S. 0:0 ack 4
                """),
        Script(
            "a SYN with ACK begins nothing",
            withoutTimestamps + """
                1.000 < S. 100:100 ack 2 win 65535 <mss 1000>
                1.000 > . 2:2 ack 2
                1.000 ? state timeWait
                """),
        Script(
            "data again does not make TIME_WAIT longer, FIN does", change: { $0.timeWait = .seconds(10) },
            """
            0.000 ! connect nots mss 1000
            0.000 < P. 1:11 ack 1
            0.000 > . 1:1 ack 11
            0.010 ! finish
            0.010 > F. 1:1 ack 11
            0.020 < F. 11:11 ack 2
            0.020 > . 2:2 ack 12
            5.000 < P. 1:11 ack 2
            5.000 > . 2:2 ack 12
            8.000 < F. 11:11 ack 2
            8.000 > . 2:2 ack 12
            17.900 ? state timeWait
            18.100 ? connections 0
            """),
        Script(
            "TIME_WAIT lasts what is configured", change: { $0.timeWait = .seconds(3) },
            withoutTimestamps + """
                3.000 ? state timeWait
                3.030 ? connections 0
                3.040 < . 2:2 ack 2
                3.040 > R 2:2
                """),
        Script(
            "RST inside the window does not end TIME_WAIT either (RFC 1337)",
            withoutTimestamps + """
                1.000 < R 2:2
                1.000 < R 500:500
                1.000 ? state timeWait
                1.000 ? drop invalidReset 2
                """),
        Script(
            "a segment beyond what was sent is challenged in TIME_WAIT, too",
            withoutTimestamps + """
                1.000 < . 2:2 ack 5000
                1.000 > . 2:2 ack 2
                """),
        Script(
            "the table of TIME_WAIT is bounded: the oldest goes", change: { $0.timeWaitLimit = 0 },
            """
            0.000 ! connect nots mss 1000
            0.010 ! finish
            0.010 > F. 1:1 ack 1
            0.020 < F. 1:1 ack 2
            0.020 ? connections 0
            0.020 ? count timeWaitRecycled 1
            """),
    ])
    func reuse(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "RST with data at RCV.NXT resets (RFC 9293 §3.5.3)",
            """
            0.000 ! connect nots mss 1000
            0.010 < R 1:30
            0.010 ? event closed(reset)
            """),
        Script(
            "RST at the last number of the window is challenged, one beyond is ignored",
            change: { $0.initialReceiveWindow = 10_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.010 < R 10000:10000
            0.010 > . 1:1 ack 1
            0.300 < R 10001:10001
            0.300 ? drop invalidReset 2
            0.300 ? state established
            """),
        Script(
            "RST with a closed window counts (RFC 9293 §3.10.7.4)", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.000 ! hold
            0.010 < P. 1:1001 ack 1
            0.010 > . 1:1 ack 1001 win 0
            0.020 < R 1001:1001
            0.020 ? event readable closed(reset)
            """),
        Script(
            "RST in the middle of recovery",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.000 > P. 1001:2001 ack 1
            0.020 < . 1:1 ack 1 <sack 1001:2001>
            0.021 < R. 1:1 ack 1
            0.021 ? connections 0
            """),
        Script(
            "FIN beyond the window is answered, not taken", change: { $0.initialReceiveWindow = 1_000 },
            """
            0.000 ! connect nots noscale mss 1000
            0.010 < F. 1001:1001 ack 1
            0.010 > . 1:1 ack 1
            0.010 ? state established
            """),
        Script(
            "a challenge ACK counts for the connection, not for the stack (CVE-2016-5696)",
            """
            0.000 ! connect nots mss 1000
            0.010 < R 50:50
            0.010 > . 1:1 ack 1
            0.020 < R 51:51
            0.030 < S 60:60
            0.200 < R 52:52
            0.211 < R 53:53
            0.211 > . 1:1 ack 1
            0.211 ? count challengeAcknowledgments 2
            """),
        Script(
            "an ACK of nothing that was sent, in FIN_WAIT_1",
            """
            0.000 ! connect nots mss 1000
            0.000 ! finish
            0.000 > F. 1:1 ack 1
            0.010 < . 1:1 ack 3
            0.010 > . 2:2 ack 1
            0.010 ? state finWait1
            """),
        Script(
            "a spoofed SYN for a half-open connection draws nothing",
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1
            0.010 < S 50:50 win 65535 <mss 1000>
            0.020 < . 1:1 ack 1
            0.020 ? event established
            """),
        Script(
            "a segment from itself to itself (LAND) comes to nothing",
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1
            0.000 < . 1:1 ack 1
            0.000 ? connections 1
            """),
    ])
    func attacks(script: Script) { script.expectPass() }
}
