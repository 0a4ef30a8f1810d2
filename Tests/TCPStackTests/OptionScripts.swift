import TCPStack
import TestSupport
import Testing

/// Options (RFC 9293 §3.2, RFC 7323, RFC 2018), well formed and not.
@Suite struct OptionScripts {
    /// The segments of a connection's start, which are acknowledged one by one.
    static let sixteenSegments =
        "0.000 ! connect mss 1000\n"
        + (1...16).map { "0.000 < P. \($0):\($0 + 1) ack 1\n0.000 > . 1:1 ack \($0 + 1)\n" }.joined()

    /// RFC 9293 §3.7.1: an MSS larger than the link takes is cut down to it.
    @Test(arguments: [(false, 536), (true, 516)])
    func linkLimitsSegments(isIPv6: Bool, segmentSize: Int) {
        let failures = TCPScript(isIPv6: isIPv6, change: { $0.mtu = 576 }).run(
            """
            0.000 < S 0:0 win 65535 <mss 65535>
            0.000 > S. 0:0 ack 1 <mss \(segmentSize)>
            0.010 < . 1:1 ack 1
            0.010 ! send 600
            0.010 > . 1:\(1 + segmentSize) ack 1
            0.010 > P. \(1 + segmentSize):601 ack 1
            """)
        #expect(failures.isEmpty, "\(failures)")
    }

    @Test(arguments: [
        Script(
            "an option that is not known is skipped by its length (RFC 9293 §3.1)",
            """
            0.000 < S 0:0 win 65535 <raw fe04abcd020403e80402>
            0.000 > S. 0:0 ack 1 <sackOK>
            0.010 < . 1:1 ack 1
            0.010 ! send 1000
            0.010 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001
            """),
        Script(
            "options need no alignment",
            """
            0.000 < S 0:0 win 65535 <raw 01020403e8030302010402>
            0.000 > S. 0:0 ack 1 <sackOK,wscale 0>
            0.010 < . 1:1 ack 1 win 250
            0.010 ! send 1000
            0.010 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001
            """),
        Script(
            "an option of length zero or one ends the list, what came before it counts",
            """
            0.000 < S 0:0 win 65535 <raw 020403e8fe0004020000>
            0.000 > S. 0:0 ack 1 <noSackOK>
            0.010 < . 1:1 ack 1
            0.010 ! send 1000
            0.010 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001
            """),
        Script(
            "an option longer than the header ends the list",
            """
            0.000 < S 0:0 win 65535 <raw 020403e80428>
            0.000 > S. 0:0 ack 1 <noSackOK>
            0.010 < . 1:1 ack 1
            """),
        Script(
            "options of the wrong length say nothing",
            """
            0.000 < S 0:0 win 65535 <raw 020303030402080904030308000000>
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 1
            0.010 ? event established
            """),
        Script(
            "what follows the end of the list is padding",
            """
            0.000 < S 0:0 win 65535 <raw 020403e800040200>
            0.000 > S. 0:0 ack 1 <noSackOK>
            0.010 < . 1:1 ack 1
            """),
        Script(
            "an option is understood in any segment, one for SYN is ignored elsewhere (RFC 9293 §3.7.1)",
            """
            0.000 ! connect nots mss 1000
            0.010 < . 1:1 ack 1 <raw 02040040>
            0.010 ! send 1000
            0.010 > P. 1:1001 ack 1
            0.020 < . 1:1 ack 1001 <raw 0303050402>
            """),
        Script(
            "no window scale: windows stay what they are", change: { $0.maximumReceiveWindow = 1 << 20 },
            """
            0.000 < S 0:0 win 65535 <mss 1000>
            0.000 > S. 0:0 ack 1 win 65535 <noWscale>
            0.010 < . 1:1 ack 1 win 2000
            0.010 ! send 3000
            0.010 > . 1:1001 ack 1 win 65535
            0.010 > . 1001:2001 ack 1
            0.020 < . 1:1 ack 2001 win 2000
            0.020 > P. 2001:3001 ack 1
            0.030 < . 1:1 ack 3001
            """),
        Script(
            "the window of a SYN is not scaled, the next one is (RFC 7323 §2.2)",
            """
            0.000 < S 0:0 win 1000 <mss 1000,wscale 4>
            0.000 > S. 0:0 ack 1
            0.010 < . 1:1 ack 1 win 125
            0.010 ! send 3000
            0.010 > . 1:1001 ack 1
            0.010 > . 1001:2001 ack 1
            0.020 < . 1:1 ack 2001 win 125
            0.020 > P. 2001:3001 ack 1
            0.030 < . 1:1 ack 3001
            """),
        Script(
            "timestamps that were not agreed on are ignored",
            """
            0.000 ! connect nots mss 1000
            0.010 < P. 1:11 ack 1 <ts 5>
            0.010 > . 1:1 ack 11 <noTs>
            0.020 < P. 11:21 ack 1 <ts 3>
            0.020 > . 1:1 ack 21
            """),
        Script(
            "SACK that was not agreed on is ignored",
            """
            0.000 ! connect nots nosack mss 1000
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > P. 2001:3001 ack 1
            0.020 < . 1:1 ack 1 <sack 1001:3001>
            0.040 < . 1:1 ack 3001
            0.040 ? count selectiveAcknowledgments 0
            """),
        Script(
            "a timestamp echoes the latest segment in sequence (RFC 7323 §4.3)",
            """
            0.000 ! connect mss 1000
            0.010 < P. 1:101 ack 1 <ts 60001>
            0.010 > . 1:1 ack 101 <tsecr 60001>
            0.020 < P. 201:301 ack 1 <ts 60003>
            0.020 > . 1:1 ack 101 <tsecr 60001>
            0.030 < P. 101:201 ack 1 <ts 60002>
            0.030 > . 1:1 ack 301 <tsecr 60002>
            """),
        Script(
            "a delayed ACK echoes the earliest segment it acknowledges (RFC 7323 §4.3)",
            sixteenSegments + """
                0.010 < P. 17:117 ack 1 <ts 60001>
                0.015 < P. 117:217 ack 1 <ts 60002>
                0.050 > . 1:1 ack 217 <tsecr 60001>
                """),
        Script(
            "RST is not subject to PAWS (RFC 7323 §5.2)",
            """
            0.000 ! connect mss 1000
            0.010 < R. 1:1 ack 1 <ts 1>
            0.010 ? event closed(reset)
            """),
        Script(
            "an old timestamp outside of the window is challenged once in a while",
            """
            0.000 ! connect mss 1000
            0.010 < P. 1:101 ack 1 <ts 1>
            0.010 > . 1:1 ack 1
            0.020 < P. 1:101 ack 1 <ts 1>
            0.020 ? drop paws 2
            """),
    ])
    func options(script: Script) { script.expectPass() }
}
