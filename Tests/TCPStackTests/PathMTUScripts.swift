import TCPStack
import TestSupport
import Testing

@Suite struct PathMTUScripts {
    @Test(arguments: [
        Script(
            "what was too large is sent again in smaller segments, without a loss of window (RFC 1191 §6.4)",
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 2800
            0.000 > . 1:1401 ack 1
            0.000 > P. 1401:2801 ack 1
            0.010 ! toobig 1240 1
            0.010 > . 1:1241 ack 1
            0.010 > . 1241:2481 ack 1
            0.010 > P. 2481:2801 ack 1
            0.010 ? cwnd 14000
            0.030 < . 1:1 ack 2801
            0.030 ! send 1400
            0.030 > . 2801:4041 ack 1
            0.030 > P. 4041:4201 ack 1
            0.050 < . 1:1 ack 4201
            0.050 ? count pathMTUReductions 1
            0.050 ? ssthresh 4294967295
            """),
        Script(
            "an error about what is not in flight is a forgery (RFC 5927 §4)",
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 1400
            0.000 > P. 1:1401 ack 1
            0.005 ! toobig 1240 1401
            0.005 ! toobig 1240 0
            0.005 ! toobig 1240 70000
            0.010 < . 1:1 ack 1401
            0.011 ! toobig 1240 1
            0.011 ? drop invalidICMP 4
            0.011 ? count pathMTUReductions 0
            """),
        Script(
            "an MTU that is larger changes nothing",
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 1400
            0.000 > P. 1:1401 ack 1
            0.005 ! toobig 3000 1
            0.005 ? drop ignoredICMP 1
            0.010 < . 1:1 ack 1401
            """),
        Script(
            "an unreachable port ends an open (RFC 5927 §5.2)",
            """
            0.000 ! open
            0.000 > S 0:0
            0.005 ! refused 0
            0.005 ? event closed(unreachable)
            0.005 ? connections 0
            """),
        Script(
            "it does not end a connection, nor does any other error",
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 1400
            0.000 > P. 1:1401 ack 1
            0.005 ! refused 1
            0.005 ! unreachable 1
            0.005 ? state established
            0.005 ? drop ignoredICMP 2
            0.010 < . 1:1 ack 1401
            """),
    ])
    func errors(script: Script) { script.expectPass() }

    /// A tiny MTU is an attack: 512 bytes of data stay (IPv4), or RFC 8200's 1,280 (IPv6).
    @Test(arguments: [false, true])
    func tinyMTU(isIPv6: Bool) {
        let least = isIPv6 ? 1_220 : 512
        let failures = TCPScript(isIPv6: isIPv6).run(
            """
            0.000 ! connect nots mss 1400
            0.000 ! send 1400
            0.000 > P. 1:1401 ack 1
            0.005 ! toobig 8 1
            0.005 > . 1:\(1 + least) ack 1
            """ + (isIPv6 ? "" : "\n0.005 > . 513:1025 ack 1") + """

                0.005 > P. \(isIPv6 ? 1_221 : 1_025):1401 ack 1
                0.010 < . 1:1 ack 1401
                """)
        #expect(failures.isEmpty, "\(failures)")
    }
}
