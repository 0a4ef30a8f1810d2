import TCPStack
import TestSupport
import Testing

@Suite struct CookieScripts {
    @Test(arguments: [
        Script(
            "no room for half-open connections: a cookie, and a connection from its ACK (RFC 4987)",
            change: {
                $0.halfOpenLimit = 0
            },
            """
            0.000 < S 0:0 win 65535 <mss 1000,sackOK,ts,wscale 7>
            0.000 > S. 0:0 ack 1 win 65535 <sackOK,ts,wscale 0>
            0.000 ? connections 0
            0.020 < . 1:1 ack 1 win 100
            0.020 ? event established
            0.020 ! send 3000
            0.020 > . 1:525 ack 1 <ts>
            0.020 > . 525:1049 ack 1
            0.020 > . 1049:1573 ack 1
            0.020 > . 1573:2097 ack 1
            0.020 > . 2097:2621 ack 1
            0.020 > P. 2621:3001 ack 1
            0.040 < . 1:1 ack 3001 <sack 5000:5001>
            0.040 ? count cookiesAccepted 1
            """),
        Script(
            "without timestamps a cookie keeps the MSS only", change: { $0.halfOpenLimit = 0 },
            """
            0.000 < S 0:0 win 65535 <mss 1460,sackOK,wscale 7>
            0.000 > S. 0:0 ack 1 win 65535
            0.020 < P. 1:101 ack 1 win 100
            0.020 > . 1:1 ack 101 <nosack>
            0.020 ? event established readable
            """),
        Script(
            "a guessed cookie draws RST", change: { $0.halfOpenLimit = 0 },
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.020 < . 1:1 ack 12345
            0.020 > R 12345:12345
            0.020 ? connections 0
            """),
        Script(
            "a cookie for another sequence number is none", change: { $0.halfOpenLimit = 0 },
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            0.020 < . 2:2 ack 1
            0.020 > R 1:1
            """),
        Script(
            "a cookie is good for two minutes at most", change: { $0.halfOpenLimit = 0 },
            """
            0.000 < S 0:0 win 65535 <mss 1460>
            0.000 > S. 0:0 ack 1
            130.000 < . 1:1 ack 1
            130.000 > R 1:1
            """),
    ])
    func cookies(script: Script) { script.expectPass() }
}
