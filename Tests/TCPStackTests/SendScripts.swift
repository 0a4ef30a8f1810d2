import TCPStack
import TestSupport
import Testing

@Suite struct SendScripts {
    @Test(arguments: [
        Script(
            "ten segments at first (RFC 6928)",
            """
            0.000 ! connect nots mss 1000
            0.000 ! send 20000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.000 > . 2001:3001 ack 1
            0.000 > . 3001:4001 ack 1
            0.000 > . 4001:5001 ack 1
            0.000 > . 5001:6001 ack 1
            0.000 > . 6001:7001 ack 1
            0.000 > . 7001:8001 ack 1
            0.000 > . 8001:9001 ack 1
            0.000 > . 9001:10001 ack 1
            0.000 ? cwnd 10000
            0.020 < . 1:1 ack 2001
            0.020 > . 10001:11001 ack 1
            0.020 > . 11001:12001 ack 1
            0.020 > . 12001:13001 ack 1
            0.020 > . 13001:14001 ack 1
            0.020 ? cwnd 12000
            """),
        Script(
            "a window too small for the data is filled, then probed (RFC 9293 §3.8.6.1)",
            """
            0.000 ! connect nots mss 1000 win 1500
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 0
            0.220 > . 1000:1000 ack 1
            0.230 < . 1:1 ack 1001 win 0
            0.620 > . 1000:1000 ack 1
            0.630 < . 1:1 ack 1001 win 0
            1.420 > . 1000:1000 ack 1
            1.430 < . 1:1 ack 1001 win 5000
            1.430 > . 1001:2001 ack 1
            1.430 > P. 2001:3001 ack 1
            1.450 < . 1:1 ack 3001
            1.450 ? count windowProbes 3
            """),
        Script(
            "half of the largest window is worth a segment (RFC 9293 §3.8.6.2.1)",
            """
            0.000 ! connect nots mss 1440 win 1000
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 499
            0.030 < . 1:1 ack 1001 win 500
            0.030 > . 1001:1501 ack 1
            0.050 < . 1:1 ack 1501 win 65535
            0.050 > . 1501:2941 ack 1
            0.050 > P. 2941:3001 ack 1
            0.070 < . 1:1 ack 3001
            """),
        Script(
            "a small window is used after the override timeout (RFC 9293 §3.8.6.2.1)",
            """
            0.000 ! connect nots mss 1000 win 2000
            0.000 ! send 3000
            0.000 > . 1:1001 ack 1
            0.000 > . 1001:2001 ack 1
            0.020 < . 1:1 ack 2001 win 300
            0.220 > . 2001:2301 ack 1
            0.240 < . 1:1 ack 2301 win 2000
            0.240 > P. 2301:3001 ack 1
            0.260 < . 1:1 ack 3001
            """),
        Script(
            "an old segment does not move the window back (WL1, WL2)",
            """
            0.000 ! connect nots mss 1000 win 5000
            0.000 < P. 1:101 ack 1 win 5000
            0.000 > . 1:1 ack 101
            0.010 < . 1:1 ack 1 win 0
            0.010 > . 1:1 ack 101
            0.020 ! send 1000
            0.020 > P. 1:1001 ack 101
            0.040 < . 101:101 ack 1001
            """),
        Script(
            "a peer whose window stays closed is not given up while it answers",
            """
            0.000 ! connect nots mss 1000 win 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 0
            0.220 > . 1000:1000 ack 1
            0.230 < . 1:1 ack 1001 win 0
            0.620 > . 1000:1000 ack 1
            0.630 < . 1:1 ack 1001 win 0
            1.420 > . 1000:1000 ack 1
            3.020 > . 1000:1000 ack 1
            6.220 > . 1000:1000 ack 1
            12.620 > . 1000:1000 ack 1
            25.421 > . 1000:1000 ack 1
            51.021 > . 1000:1000 ack 1
            51.031 < . 1:1 ack 1001 win 0
            102.221 > . 1000:1000 ack 1
            102.231 < . 1:1 ack 1001 win 0
            162.221 > . 1000:1000 ack 1
            162.230 < . 1:1 ack 1001 win 1000
            162.230 > P. 1001:2001 ack 1
            162.250 < . 1:1 ack 2001
            """),
        Script(
            "a peer that answers no probe is given up",
            """
            0.000 ! connect nots mss 1000 win 1000
            0.000 ! send 2000
            0.000 > . 1:1001 ack 1
            0.020 < . 1:1 ack 1001 win 0
            0.220 > . 1000:1000 ack 1
            0.620 > . 1000:1000 ack 1
            1.420 > . 1000:1000 ack 1
            3.020 > . 1000:1000 ack 1
            6.220 > . 1000:1000 ack 1
            12.620 > . 1000:1000 ack 1
            25.421 > . 1000:1000 ack 1
            51.021 > . 1000:1000 ack 1
            102.221 > . 1000:1000 ack 1
            162.300 ? event acknowledged closed(timedOut)
            """),
    ])
    func sending(script: Script) { script.expectPass() }

    @Test(arguments: [
        Script(
            "keepalive", change: { $0.keepaliveIdle = .seconds(60) },
            """
            0.000 ! connect nots
            60.000 > . 0:0 ack 1
            60.020 < . 1:1 ack 1
            120.020 > . 0:0 ack 1
            120.040 < . 1:1 ack 1
            120.040 ? state established
            """),
        Script(
            "a peer that answers no keepalive is gone", change: { $0.keepaliveIdle = .seconds(60) },
            """
            0.000 ! connect nots
            60.000 > . 0:0 ack 1
            70.000 > . 0:0 ack 1
            80.000 > . 0:0 ack 1
            90.000 > . 0:0 ack 1
            100.000 > . 0:0 ack 1
            110.000 > . 0:0 ack 1
            121.000 ? event closed(timedOut)
            121.000 ? connections 0
            """),
        Script(
            "data postpones keepalive", change: { $0.keepaliveIdle = .seconds(60) },
            """
            0.000 ! connect nots
            50.000 < P. 1:11 ack 1
            50.000 > . 1:1 ack 11
            100.000 ? count keepaliveProbes 0
            110.000 > . 0:0 ack 11
            110.020 < . 11:11 ack 1
            """),
        Script(
            "the application's timer fires once",
            """
            0.000 ! connect nots
            0.000 ! timer 0.5
            0.499 ? event
            0.501 ? event timer
            5.000 ? event
            """),
        Script(
            "a timer set again replaces the first",
            """
            0.000 ! connect nots
            0.000 ! timer 0.5
            0.100 ! timer 1.0
            1.099 ? event
            1.101 ? event timer
            0.100 ! timer 0.001
            1.200 ? event timer
            """),
    ])
    func timers(script: Script) { script.expectPass() }
}
