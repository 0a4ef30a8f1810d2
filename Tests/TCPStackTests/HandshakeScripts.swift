import TCPStack
import TestSupport
import Testing

@Suite struct HandshakeScripts {
    @Test(arguments: [
        Script(
            "passive open with every option",
            """
            0.000 < S 0:0 win 65535 <mss 1460,sackOK,ts,wscale 7>
            0.000 > S. 0:0 ack 1 win 65535 <sackOK,ts,wscale 0>
            0.000 ? connections 1
            0.010 < . 1:1 ack 1 win 512
            0.010 ? event established
            0.010 ? state established
            """),
        Script(
            "an option is answered only if it was offered",
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1 win 65535
            0.010 < . 1:1 ack 1 win 65535
            0.010 ! send 2500
            0.010 > . 1:1001 ack 1
            0.010 > . 1001:2001 ack 1
            0.010 > P. 2001:2501 ack 1
            0.020 < . 1:1 ack 2501
            """),
        Script(
            "a tiny MSS is raised to 64",
            """
            0.000 < S 0:0 win 65535 <mss 1>
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 1 win 65535
            0.010 ! send 100
            0.010 > . 1:65 ack 1
            0.010 > P. 65:101 ack 1
            0.020 < . 1:1 ack 101
            """),
        Script(
            "timestamps take 12 bytes of each segment (RFC 6691)",
            """
            0.000 ! connect mss 1000
            0.000 ! send 1500
            0.000 > . 1:989 ack 1 <ts>
            0.000 > P. 989:1501 ack 1 <ts>
            0.010 < . 1:1 ack 1501
            """),
        Script(
            "SYN again: SYN,ACK again",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.500 < S 0:0 win 65535 <mss 1460>
            0.500 > S. 0:0 ack 1
            0.600 < . 1:1 ack 1
            0.600 ? event established
            """),
        Script(
            "SYN,ACK is sent again with backoff until the handshake times out",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            1.000 > S. 0:0 ack 1
            3.000 > S. 0:0 ack 1
            7.000 > S. 0:0 ack 1
            15.000 > S. 0:0 ack 1
            40.000 ? connections 0
            40.000 ? event
            """),
        Script(
            "data with the third segment",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.010 < P. 1:101 ack 1
            0.010 > . 1:1 ack 101
            0.010 ? event established readable
            0.010 ? received 100
            """),
        Script(
            "FIN with the third segment",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.010 < F. 1:1 ack 1
            0.010 > . 1:1 ack 2
            0.010 ? event established peerFinished
            0.010 ? state closeWait
            """),
        Script(
            "a lost third segment is made up for by the first data",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.020 < P. 1:11 ack 1
            0.020 > . 1:1 ack 11
            0.020 ? state established
            """),
        Script(
            "an ACK in SYN_RCVD that is not for our SYN draws RST (RFC 9293 §3.10.7.4 fifth)",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 5
            0.010 > R 5:5
            0.020 < . 1:1 ack 1
            0.020 ? state established
            """),
        Script(
            "RST in SYN_RCVD goes back to LISTEN without a word",
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.010 < R. 1:1 ack 1
            0.010 ? connections 0
            0.010 ? event
            """),
        Script(
            "SYN with FIN is no beginning",
            """
            0.000 < SF 0:0 win 65535 <mss 1460>
            0.000 ? connections 0
            0.000 ? drop invalidFlags 1
            """),
        Script(
            "an ACK for no connection draws RST",
            """
            0.000 < . 1:1 ack 77
            0.000 > R 0:0
            """),
        Script(
            "a data segment without ACK for no connection is dropped silently by a listener",
            """
            0.000 < P 1:11
            0.000 ? drop invalidFlags 1
            """),
        Script(
            "RST for no connection draws nothing",
            """
            0.000 < R 1:1
            0.000 < R. 1:1 ack 1
            0.000 ? drop noListener 2
            """),
        Script(
            "a shift of more than 14 counts as 14 (RFC 7323 §2.3)",
            """
            0.000 < S 0:0 win 65535 <mss 1000,wscale 15>
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 1 win 1
            0.010 ! send 3000
            0.010 > . 1:1001 ack 1
            0.010 > . 1001:2001 ack 1
            0.010 > P. 2001:3001 ack 1
            0.020 < . 1:1 ack 3001 win 1
            """),
    ])
    func passiveOpen(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "active open",
            """
            0.000 ! open
            0.000 > S 0:0 win 65535 <sackOK,ts,wscale 0>
            0.020 < S. 0:0 ack 1 win 65535 <mss 1000,sackOK,ts,wscale 3>
            0.020 > . 1:1 ack 1
            0.020 ? event established
            0.020 ! send 10
            0.020 > P. 1:11 ack 1
            0.040 < . 1:1 ack 11
            0.040 ? event acknowledged
            """),
        Script(
            "active open, refused",
            """
            0.000 ! open
            0.000 > S 0:0
            0.020 < R. 0:0 ack 1
            0.020 ? event closed(reset)
            0.020 ? connections 0
            """),
        Script(
            "RST without the right ACK does not refuse",
            """
            0.000 ! open
            0.000 > S 0:0
            0.020 < R. 0:0 ack 2
            0.020 < R 0:0
            0.020 ? connections 1
            1.000 > S 0:0
            """),
        Script(
            "an ACK for another SYN draws RST (RFC 9293 §3.5.2)",
            """
            0.000 ! open
            0.000 > S 0:0
            0.020 < . 1:1 ack 900
            0.020 > R 900:900
            0.020 ? state synSent
            """),
        Script(
            "simultaneous open (RFC 9293 §3.5 figure 7)",
            """
            0.000 ! open
            0.000 > S 0:0
            0.010 < S 0:0 win 65535 <mss 1000,sackOK,ts,wscale 3>
            0.010 > S. 0:0 ack 1
            0.010 ? state synReceived
            0.020 < S. 0:0 ack 1 win 65535 <mss 1000,sackOK,ts,wscale 3>
            0.020 > . 1:1 ack 1
            0.020 ? state established
            0.020 ? event established
            """),
        Script(
            "an open that nobody answers times out",
            """
            0.000 ! open
            0.000 > S 0:0
            1.000 > S 0:0
            3.000 > S 0:0
            7.000 > S 0:0
            15.000 > S 0:0
            31.000 > S 0:0
            63.000 > S 0:0
            123.000 > S 0:0
            179.000 ? state synSent
            181.000 ? event closed(timedOut)
            181.000 ? connections 0
            """),
        Script(
            "finish before the handshake ends",
            """
            0.000 ! open
            0.000 > S 0:0
            0.000 ! send 5
            0.000 ! finish
            0.020 < S. 0:0 ack 1 win 65535 <mss 1000>
            0.020 > FP. 1:6 ack 1
            0.020 ? state finWait1
            """),
    ])
    func activeOpen(script: Script) { script.expectPass() }

    /// RFC 9293 §3.7.1: 536 for IPv4, 1,220 for IPv6.
    @Test(arguments: [(false, 536), (true, 1_220)])
    func noMSSOption(isIPv6: Bool, segmentSize: Int) {
        let failures = TCPScript(isIPv6: isIPv6).run(
            """
            0.000 < S 0:0 win 65535
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 1 win 65535
            0.010 ! send 1300
            0.010 > . 1:\(1 + segmentSize) ack 1
            0.010 > \(isIPv6 ? "P." : ".") \(1 + segmentSize):\(isIPv6 ? 1_301 : 1_073) ack 1
            """ + (isIPv6 ? "" : "\n0.010 > P. 1073:1301 ack 1"))
        #expect(failures.isEmpty, "\(failures)")
    }
}
