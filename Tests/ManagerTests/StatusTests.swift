import ControlAPI
import Foundation
import Testing

/// What scripts read out of `onvm status --json`.
@Suite struct StatusTests {
    static let status: Status = {
        var function = NFStatus(slot: 3, service: "web", state: .handingOver, uid: 1_914_470_403)
        function.pid = 4242
        function.client = "fd77::2"
        (function.connections, function.accepted, function.closed, function.requests) = (1, 5, 4, 9)
        (function.rxPackets, function.txPackets, function.rxBytes, function.txBytes) = (10, 20, 30, 40)
        function.drops = ["checksum": 1]
        function.telemetry = ["frames_free": 512]
        function.tcp = ["tail_loss_probes": 3]
        function.tcpDrops = ["paws": 4]
        function.counters = ["delivered": 10]
        function.started = 1.5
        function.restarts = 2
        return Status(
            instance: "web",
            manager: ManagerStatus(
                pid: 1, zygotePid: 2, version: "0.1.0", uptimeSeconds: 3.25, topology: "web.yaml", netns: nil,
                state: .running),
            ports: [PortStatus(device: "port0", index: 7, driver: "veth", mode: "native", queues: 1, mtu: 1500)],
            services: [
                ServiceStatus(
                    id: 1, name: "web", function: "web-server", listen: ["10.77.0.1:80"], isolation: "client", idle: 4,
                    bound: 1, starting: 0, max: 256, overflow: "refuse", overflowCounts: ["refused": 3],
                    counters: ["assigned": 1], ended: ["crashed": 1],
                    gate: GateStatus(
                        isOn: true, onSeconds: 1.5, halfOpen: 2, waiting: 1, cookiesSent: 30, cookiesAccepted: 20,
                        cookiesInvalid: 1, held: 4, sources: [.init(prefix: "10.77.64.0/24", syns: 9)]))
            ],
            nfs: [function], counters: ["steer_pass_not_ip": 11])
    }()

    static let golden = """
        {
          "counters" : {
            "steer_pass_not_ip" : 11
          },
          "instance" : "web",
          "manager" : {
            "pid" : 1,
            "state" : "running",
            "topology" : "web.yaml",
            "uptime_seconds" : 3.25,
            "version" : "0.1.0",
            "zygote_pid" : 2
          },
          "nfs" : [
            {
              "accepted" : 5,
              "client" : "fd77::2",
              "closed" : 4,
              "connections" : 1,
              "counters" : {
                "delivered" : 10
              },
              "drops" : {
                "checksum" : 1
              },
              "pid" : 4242,
              "requests" : 9,
              "restarts" : 2,
              "rx_bytes" : 30,
              "rx_packets" : 10,
              "service" : "web",
              "slot" : 3,
              "started" : 1.5,
              "state" : "handing_over",
              "tcp" : {
                "tail_loss_probes" : 3
              },
              "tcp_drops" : {
                "paws" : 4
              },
              "telemetry" : {
                "frames_free" : 512
              },
              "tx_bytes" : 40,
              "tx_packets" : 20,
              "uid" : 1914470403
            }
          ],
          "ports" : [
            {
              "device" : "port0",
              "driver" : "veth",
              "index" : 7,
              "mode" : "native",
              "mtu" : 1500,
              "queues" : 1
            }
          ],
          "services" : [
            {
              "bound" : 1,
              "counters" : {
                "assigned" : 1
              },
              "ended" : {
                "crashed" : 1
              },
              "function" : "web-server",
              "gate" : {
                "cookies_accepted" : 20,
                "cookies_invalid" : 1,
                "cookies_sent" : 30,
                "half_open" : 2,
                "held" : 4,
                "is_on" : true,
                "on_seconds" : 1.5,
                "sources" : [
                  {
                    "prefix" : "10.77.64.0/24",
                    "syns" : 9
                  }
                ],
                "waiting" : 1
              },
              "id" : 1,
              "idle" : 4,
              "isolation" : "client",
              "listen" : [
                "10.77.0.1:80"
              ],
              "max" : 256,
              "name" : "web",
              "overflow" : "refuse",
              "overflow_counts" : {
                "refused" : 3
              },
              "starting" : 0
            }
          ]
        }
        """

    @Test func jsonIsAsScriptsKnowIt() throws {
        #expect(String(decoding: try ControlAPI.encode(Self.status, pretty: true), as: UTF8.self) == Self.golden)
    }

    @Test func jsonReadsBack() throws {
        #expect(try ControlAPI.decode(Status.self, from: try ControlAPI.encode(Self.status)) == Self.status)
    }

    @Test func aResponseIsOneLine() throws {
        let line = try ControlAPI.encode(ControlResponse(status: Self.status))
        #expect(!line.contains(UInt8(ascii: "\n")))
    }
}
