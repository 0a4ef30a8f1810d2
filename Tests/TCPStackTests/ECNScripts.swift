import TCPStack
import TestSupport
import Testing

@Suite struct ECNScripts {
    @Test(arguments: [
        Script(
            "a peer that asks is answered, and new data says that it can tell (RFC 3168 §6.1)",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1 ecn 0
            0.010 < . 1:1 ack 1
            0.010 ! send 500
            0.010 > P. 1:501 ack 1 ecn 2
            0.020 < P. 1:11 ack 501 ecn 2
            0.020 > . 501:501 ack 11 ecn 0
            """),
        Script(
            "congestion on the way in is echoed until the peer says CWR",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1
            0.010 < . 1:1 ack 1
            0.010 < P. 1:11 ack 1 ecn 3
            0.010 > E. 1:1 ack 11
            0.020 < P. 11:21 ack 1 ecn 2
            0.020 > E. 1:1 ack 21
            0.030 < PW. 21:31 ack 1 ecn 2
            0.030 > . 1:1 ack 31
            """),
        Script(
            "an echo slows this end down once a window, and CWR says so",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1
            0.020 < . 1:1 ack 1
            0.020 ! send 4000
            0.020 > . 1:1001 ack 1 ecn 2
            0.020 > . 1001:2001 ack 1 ecn 2
            0.020 > . 2001:3001 ack 1 ecn 2
            0.020 > P. 3001:4001 ack 1 ecn 2
            0.040 < E. 1:1 ack 1001
            0.040 ? cwnd 7000
            0.041 < E. 1:1 ack 4001
            0.041 ? cwnd 7000
            0.041 ! send 2000
            0.041 > W. 4001:5001 ack 1 ecn 2
            0.041 > P. 5001:6001 ack 1 ecn 2
            0.061 < . 1:1 ack 6001
            0.061 ? count congestionEchoes 1
            """),
        Script(
            "a window reduced for a loss is announced, too",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1
            0.020 < . 1:1 ack 1
            0.020 ! send 1000
            0.020 > P. 1:1001 ack 1 ecn 2
            0.220 > P. 1:1001 ack 1 ecn 0
            0.240 < . 1:1 ack 1001
            0.240 ! send 500
            0.240 > PW. 1001:1501 ack 1 ecn 2
            0.260 < . 1:1 ack 1501
            """),
        Script(
            "a retransmission does not say that it can tell",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1
            0.020 < . 1:1 ack 1
            0.020 ! send 1000
            0.020 > P. 1:1001 ack 1 ecn 2
            0.220 > P. 1:1001 ack 1 ecn 0
            0.240 < . 1:1 ack 1001
            """),
        Script(
            "a SYN,ACK that was lost is sent again without",
            """
            0.000 < SEW 0:0 win 65535 <mss 1000>
            0.000 > SE. 0:0 ack 1
            1.000 > S. 0:0 ack 1
            1.020 < . 1:1 ack 1
            1.020 ! send 500
            1.020 > P. 1:501 ack 1 ecn 0
            1.040 < . 1:1 ack 501
            """),
        Script(
            "nobody asked: no ECN",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 500
            0.000 > P. 1:501 ack 1 ecn 0
            0.010 < E. 1:1 ack 501 ecn 3
            0.010 ? count congestionEchoes 0
            """),
        Script(
            "this end asks when told to", change: { $0.requestsECN = true },
            """
            0.000 ! open
            0.000 > SEW 0:0
            0.020 < SE. 0:0 ack 1 win 65535 <mss 1000>
            0.020 > . 1:1 ack 1
            0.020 ! send 500
            0.020 > P. 1:501 ack 1 ecn 2
            0.040 < . 1:1 ack 501
            """),
        Script(
            "an answer with CWR, too, comes from a peer that only mirrors the bits", change: { $0.requestsECN = true },
            """
            0.000 ! open
            0.000 > SEW 0:0
            0.020 < SEW. 0:0 ack 1 win 65535 <mss 1000>
            0.020 > . 1:1 ack 1
            0.020 ! send 500
            0.020 > P. 1:501 ack 1 ecn 0
            0.040 < . 1:1 ack 501
            """),
    ])
    func notification(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "Nagle: a small segment waits while another is in flight (RFC 9293 §3.7.4)",
            change: {
                $0.usesNagle = true
            },
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.001 ! send 100
            0.002 ! send 100
            0.020 < . 1:1 ack 101
            0.020 > P. 101:301 ack 1
            0.021 ! send 1000
            0.021 > . 301:1301 ack 1
            0.022 ! send 10; finish
            0.022 > FP. 1301:1311 ack 1
            0.040 < . 1:1 ack 1312
            """),
        Script(
            "the application turns it off", change: { $0.usesNagle = true },
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 100
            0.000 > P. 1:101 ack 1
            0.001 ! send 100
            0.002 ! nagle off
            0.002 > P. 101:201 ack 1
            0.003 ! send 1
            0.003 > P. 201:202 ack 1
            0.020 < . 1:1 ack 202
            """),
    ])
    func nagle(script: Script) { script.expectPass() }
}
