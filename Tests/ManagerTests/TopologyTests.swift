import Foundation
import Testing

@testable import Manager

/// A host with one port and two directories.
struct FakeTopologyHost: TopologyHost {
    var deviceNames = ["lo", "port0", "onvm3h"]
    var networkFunctions = ["web-server", "greeter", "a", "b", "w"]
    var missingSandboxLayers: [String] = []
    func addresses(of device: String) -> [IPAddress] { [IPAddress("10.77.0.1")!, IPAddress("fd77::1")!] }
    func documentRoot(at path: String) -> DocumentRootStatus {
        switch path {
        case "/srv/www", "/etc/onvm/www": .usable
        case "/srv/file": .notDirectory
        case "/srv/secret": .unreadable(mode: 0o700)
        default: .missing
        }
    }
}

@Suite struct TopologyTests {
    func parse(_ yaml: String, host: (any TopologyHost)? = FakeTopologyHost()) throws -> (
        topology: Topology, warnings: [TopologyDiagnostic]
    ) {
        try Topology.parse(yaml, file: "t.yaml", directory: "/etc/onvm", host: host)
    }

    @Test func anUnknownNetworkFunctionIsNamedWithThoseThatExist() throws {
        let yaml = "ports: [{device: port0}]\nservices:\n  - {name: web, nf: web-serber, listen: 80}\n"
        do {
            _ = try parse(yaml)
            Issue.record("accepted")
        } catch {
            let text = "\(error)"
            #expect(text.contains("t.yaml:3:21"), "\(text)")
            #expect(text.contains("web-serber") && text.contains("did you mean web-server"), "\(text)")
            #expect(text.contains("one of web-server, greeter, a, b, w"), "\(text)")
        }
    }

    @Test func aHostThatLacksALayerOfTheSandboxIsWarnedAboutOrRefused() throws {
        let services = "ports: [{device: port0}]\nservices:\n  - {name: web, nf: web-server, listen: 80}\n"
        var host = FakeTopologyHost()
        let (strict, none) = try parse("sandbox: strict\n" + services, host: host)
        #expect(strict.sandbox == .strict && none.isEmpty)
        host.missingSandboxLayers = ["Landlock (boot with lsm=landlock)"]
        for yaml in [services, "sandbox: available\n" + services] {
            let (topology, warnings) = try parse(yaml, host: host)
            #expect(topology.sandbox == .available)
            #expect(warnings.count == 1)
            #expect(warnings[0].description.contains("warning: this host lacks Landlock (boot with lsm=landlock)"))
        }
        let error = #expect(throws: TopologyError.self) { try parse("sandbox: strict\n" + services, host: host) }
        #expect(error?.description == "t.yaml:1:10: sandbox is strict, and this host lacks Landlock (boot with lsm=landlock)")
        let misspelt = #expect(throws: TopologyError.self) { try parse("sandbox: strictly\n" + services) }
        #expect(misspelt?.description.contains("did you mean strict?") == true)
    }

    @Test func readsEveryKey() throws {
        let (topology, warnings) = try parse(
            """
            instance: edge
            ports:
              - device: port0
            services:
              - name: web
                id: 7
                nf: web-server
                listen: ["10.77.0.1:80", "[fd77::1]:8080"]
                isolation: connection
                idle: 2
                max: 8
                overflow: share
                idle_timeout: 1500ms
                ipv6_prefix: 128
                half_open_limit: 16
                umem: {frames: 256}
                cores: [0, 1]
                options: {root: www, index: index.html, access_log: off}
            """)
        #expect(warnings.isEmpty)
        #expect(topology.instance == "edge")
        #expect(topology.ports == [.init(device: "port0")])
        var web = Topology.Service(name: "web", id: 7, networkFunction: "web-server")
        web.listen = [
            .init(address: IPAddress("10.77.0.1"), port: 80), .init(address: IPAddress("fd77::1"), port: 8080),
        ]
        web.isolation = .connection
        (web.idle, web.max, web.overflow) = (2, 8, .share)
        (web.idleTimeoutMilliseconds, web.ipv6PrefixLength, web.halfOpenLimit) = (1500, 128, 16)
        web.umem.frameCount = 256
        web.cores = [0, 1]
        web.options = [.init(key: "index", value: "index.html")]
        web.root = "/etc/onvm/www"
        #expect(topology.services == [web])
        #expect(topology.slotCount == 8)
    }

    @Test func givesFreeIDsAndDefaults() throws {
        let (topology, _) = try parse(
            """
            ports: [{device: port0}]
            services:
              - {name: a, nf: web-server, listen: 80}
              - {name: b, nf: web-server, listen: [81, 82], id: 1, isolation: none}
              - {name: c, nf: web-server, listen: "10.77.0.1:80x", max: 2}
            """.replacing("80x", with: "83"))
        #expect(topology.instance == "default")
        #expect(topology.services.map(\.id) == [2, 1, 3])
        #expect(topology.services[1].slotCount == 1)
        #expect(topology.services[2].idle == 2)
        #expect(topology.services[0].listen == [.init(address: nil, port: 80)])
    }

    static let head = "ports: [{device: port0}]\nservices:\n"
    static let service = "  - {name: web, nf: web-server, listen: 80"

    /// (what is wrong, file, the one diagnostic)
    static let errors: [(String, String, String)] = [
        ("empty file", "", "1:1: the file is empty, expected a mapping with ports and services"),
        ("list", "- a", "1:1: the topology is a list, expected a mapping with instance, ports, services, sandbox"),
        ("scalar", "web", #"1:1: the topology is the value "web", expected a mapping with instance, ports, services, sandbox"#),
        (
            "no ports", "services: [{name: a, nf: b, listen: 80}]",
            "1:1: ports is missing, expected a list of ports, such as - device: eth1"
        ),
        ("no services", "ports: [{device: port0}]", "1:1: services is missing, expected a list of services"),
        (
            "unknown key", "prots: []\n" + head + service + "}",
            #"1:1: unknown key "prots" in the topology (did you mean ports?), expected one of instance, ports, services, sandbox"#
        ),
        (
            "unknown service key", head + service + ", idel: 3}",
            #"3:45: unknown key "idel" in a service (did you mean idle?), expected one of name, id, nf, listen, isolation, idle, max, overflow, share_limit, idle_timeout, ipv6_prefix, prefix_limit, address_limit, half_open_limit, return, transmit, umem, cores, options, cpu_weight, cpu_limit, memory, rate, burst, violations"#
        ),
        ("duplicate key", head + service + ", nf: x}", #"3:17: duplicate key "nf", expected each key once"#),
        (
            "bad instance", "instance: ../x\n" + head + service + "}",
            #"1:11: instance is "../x", expected 1 to 32 of a-z, 0-9 and -, starting with a letter"#
        ),
        (
            "missing device", "ports: [{device: prot0}]\nservices:\n" + service + "}",
            #"1:18: there is no network device "prot0", expected one of port0"#
        ),
        (
            "device name", "ports: [{device: a/b}]\nservices:\n" + service + "}",
            #"1:18: device is "a/b", expected the name of a network device (1 to 15 characters, no / or space)"#
        ),
        (
            "device twice", "ports: [{device: port0}, {device: port0}]\nservices:\n" + service + "}",
            #"1:35: port "port0" is listed twice"#
        ),
        (
            "port without device", "ports: [{}]\nservices:\n" + service + "}",
            "1:9: device is missing, expected the name of a network device"
        ),
        ("empty ports", "ports: []\nservices:\n" + service + "}", "1:8: ports has 0 entries, expected 1 to 64 ports"),
        ("no name", head + "  - {nf: a, listen: 80}", "3:5: name is missing, expected the name of the service"),
        (
            "no nf", head + "  - {name: a, listen: 80}",
            "3:5: nf is missing, expected a network function, such as web-server"
        ),
        (
            "no listen", head + "  - {name: a, nf: a}",
            "3:5: listen is missing, expected addresses with ports, or a port"
        ),
        (
            "two names", head + service + "}\n  - {name: web, nf: b, listen: 81}",
            #"4:12: there are two services called "web""#
        ),
        (
            "two ids", head + service + ", id: 3}\n  - {name: b, id: 3, nf: b, listen: 81}",
            "4:19: there are two services with id 3"
        ),
        ("id range", head + service + ", id: 0}", #"3:49: id is "0", expected a whole number from 1 to 255"#),
        ("id type", head + service + ", id: one}", #"3:49: id is "one", expected a whole number from 1 to 255"#),
        ("id list", head + service + ", id: [1]}", "3:49: id is a list, expected a whole number from 1 to 255"),
        (
            "isolation", head + service + ", isolation: clients}",
            #"3:56: isolation is "clients" (did you mean client?), expected one of client, connection, none"#
        ),
        (
            "overflow", head + service + ", overflow: queue}",
            #"3:55: overflow is "queue", expected one of refuse, share, drop"#
        ),
        (
            "idle above max", head + service + ", idle: 5, max: 4}",
            "3:51: idle is 5 but max is 4, expected no more idle NFs than there may be at all"
        ),
        (
            "max range", head + service + ", max: 100000}",
            #"3:50: max is "100000", expected a whole number from 1 to 16383"#
        ),
        (
            "too many slots", head + service + ", max: 16383}\n  - {name: b, nf: b, listen: 81, max: 16383}",
            "3:3: all services together have up to 32766 NFs, expected at most 16383"
        ),
        (
            "idle_timeout unit", head + service + ", idle_timeout: 60}",
            #"3:59: idle_timeout is "60", expected a duration with its unit, such as 500ms, 60s, 5m or 1h"#
        ),
        (
            "idle_timeout range", head + service + ", idle_timeout: 10ms}",
            #"3:59: idle_timeout is "10ms", expected 1s to 86400s"#
        ),
        (
            "idle_timeout overflow", head + service + ", idle_timeout: 9223372036854775807h}",
            #"3:59: idle_timeout is "9223372036854775807h", expected a duration with its unit, such as 500ms, 60s, 5m or 1h"#
        ),
        (
            "prefix", head + service + ", ipv6_prefix: 129}",
            #"3:58: ipv6_prefix is "129", expected a whole number from 16 to 128"#
        ),
        (
            "half open", head + service + ", half_open_limit: -1}",
            #"3:62: half_open_limit is "-1", expected a whole number from 1 to 65536"#
        ),
        ("umem type", head + service + ", umem: 5}", #"3:51: umem is the value "5", expected a mapping with frames"#),
        (
            "umem key", head + service + ", umem: {frame: 128}}",
            #"3:52: unknown key "frame" in umem (did you mean frames?), expected one of frames"#
        ),
        ("cores", head + service + ", cores: 0}", #"3:52: cores is the value "0", expected a list of CPU numbers"#),
        ("core", head + service + ", cores: [-1]}", #"3:53: a core is "-1", expected a whole number from 0 to 1023"#),
        (
            "options type", head + service + ", options: x}",
            #"3:54: options is the value "x", expected a mapping such as {root: /srv/www}"#
        ),
        (
            "option value", head + service + ", options: {index: [a]}}",
            "3:62: option index is a list, expected text, a number, on or off"
        ),
        (
            "option newline", head + service + #", options: {index: "a\nroot=/"}}"#,
            "3:62: option index holds control characters, expected one line of text"
        ),
        (
            "option name", head + service + ", options: {a=b: c}}",
            #"3:55: an option's name is "a=b", expected a name of a-z, 0-9 and _"#
        ),
        (
            "root missing", head + service + ", options: {root: /srv/none}}",
            #"3:61: root "/srv/none" does not exist, expected the path of a directory that everybody may read (chmod o+rx)"#
        ),
        (
            "root file", head + service + ", options: {root: /srv/file}}",
            #"3:61: root "/srv/file" is not a directory, expected the path of a directory that everybody may read (chmod o+rx)"#
        ),
        (
            "root unreadable", head + service + ", options: {root: /srv/secret}}",
            #"3:61: root "/srv/secret" has mode 0700, and NFs run under users of their own, expected the path of a directory that everybody may read (chmod o+rx)"#
        ),
        (
            "access log", head + service + ", options: {access_log: on}}",
            #"3:67: access_log is "on", expected off, or the path of a file such as /var/log/web.log"#
        ),
        (
            "access log size", head + service + ", options: {access_log: /x/a.log, access_log_size: 100}}",
            #"3:94: access_log_size is "100", expected a size with its unit, such as 512KiB, 100MiB or 1GiB"#
        ),
        (
            "access log too small", head + service + ", options: {access_log: /x/a.log, access_log_size: 1KiB}}",
            #"3:94: access_log_size is "1KiB", expected 64KiB to 1099511627776KiB"#
        ),
        (
            "access log keep", head + service + ", options: {access_log: /x/a.log, access_log_keep: 0}}",
            #"3:94: access_log_keep is "0", expected a whole number from 1 to 1000"#
        ),
        (
            "access log limits alone", head + service + ", options: {access_log: off, access_log_rate: 1MiB}}",
            "3:89: access_log_rate without an access_log, expected access_log with the path of a file"
        ),
        (
            "scanner", "ports: [\"x",
            "1:11: while scanning a quoted scalar found unexpected end of stream, expected valid YAML"
        ),
        (
            "tab", "ports:\n\t- a",
            "2:1: while scanning for the next token found character that cannot start any token, expected valid YAML"
        ),
        (
            "two documents", "a: b\n---\nc: d",
            "2:1: expected a single document in the stream but found another document, expected valid YAML"
        ),
        ("alias", "ports: &p [{device: port0}]\nservices: *p", "1:8: YAML anchors and aliases are not accepted"),
        (
            "alias after a quote in a plain scalar", "a: so 'it is\nports: &p [1]\nservices: *p",
            "2:8: YAML anchors and aliases are not accepted"
        ),
        ("alias after another", "a: say \"\nb: &p [1]", "2:4: YAML anchors and aliases are not accepted"),
        ("alias behind a quoted key", "\"a\": &p 1", "1:6: YAML anchors and aliases are not accepted"),
        ("alias after ?", "? &p a\n: 1", "1:3: YAML anchors and aliases are not accepted"),
        ("alias after -", "- &p x", "1:3: YAML anchors and aliases are not accepted"),
        ("alias after a tag", "!!str &p x", "1:1: YAML anchors and aliases are not accepted"),
        ("deep", String(repeating: "[", count: 40), "1:33: more than 32 levels of nesting"),
    ]

    /// What only looks like an alias: in quotes, in comments, in the middle of words.
    @Test func starsAndAmpersandsInTextAreText() throws {
        for text in ["\"*a\"", "'&a'", "a*b", "a & b", "x # &a *b", "|\n      *a &b", "'it''s' # *a"] {
            let yaml = """
                instance: web
                ports: [{device: port0}]
                services:
                  - name: web
                    nf: web-server
                    listen: 80
                    options:
                      server_name: \(text)

                """
            #expect(throws: Never.self, "\(text)") { _ = try AliasScan.refuse(in: yaml) }
        }
    }

    /// Each level doubles what the one before is worth: the old scan let it through, and it took the rest of the day.
    @Test func aBombBehindAQuoteIsRefusedAtOnce() throws {
        var yaml = "note: so 'it is\nk0: &k0 {a: 1}\n"
        for level in 1...40 { yaml += "k\(level): &k\(level) {? *k\(level - 1) : 1, ? [*k\(level - 1)] : 2}\n" }
        #expect(throws: TopologyError.self) { _ = try Topology.parse(yaml, file: "t.yaml") }
    }

    @Test(arguments: errors)
    func reportsWhereAndWhat(_ row: (String, String, String)) throws {
        let error = try #require(throws: TopologyError.self, "\(row.0)") { try parse(row.1) }
        #expect(error.description == "t.yaml:" + row.2, "\(row.0)")
    }

    static let listens: [(String, String?)] = [
        ("80", nil), (#""80""#, nil), (#""10.77.0.1:80""#, nil), (#""[fd77::1]:80""#, nil), (#""0.0.0.0:80""#, nil),
        ("0", #"listen "0" has no port from 1 to 65535"#),
        ("65536", #"listen "65536" has no port from 1 to 65535"#),
        (#""10.77.0.1""#, #"listen "10.77.0.1" has no port from 1 to 65535"#),
        (#""10.77.0.1:""#, #"listen "10.77.0.1:" has no port from 1 to 65535"#),
        (#""10.77.0.1:+80""#, #"listen "10.77.0.1:+80" has no port from 1 to 65535"#),
        (#""10.77.0:80""#, #"listen "10.77.0:80" has no valid address"#),
        (#""fd77::1:80""#, #"listen "fd77::1:80" has no valid address"#),
        (#""[10.77.0.1]:80""#, #"listen "[10.77.0.1]:80" has no valid address"#),
        (#""[fd77::1]80""#, #"listen "[fd77::1]80" has no port from 1 to 65535"#),
        (#""example.com:80""#, #"listen "example.com:80" has no valid address"#),
        (#""224.0.0.1:80""#, #"listen "224.0.0.1:80" is a multicast address"#),
        (#""[ff02::1]:80""#, #"listen "[ff02::1]:80" is a multicast address"#),
    ]

    @Test(arguments: listens)
    func checksListen(_ row: (String, String?)) throws {
        let yaml = Self.head + "  - {name: web, nf: web-server, listen: \(row.0)}"
        guard let problem = row.1 else { return _ = try parse(yaml) }
        let error = try #require(throws: TopologyError.self) { try parse(yaml) }
        #expect(error.description == "t.yaml:3:41: \(problem), expected \(ServiceParser.listenForm)")
    }

    /// (first service, second service, what they collide on)
    static let collisions: [(String, String, String?)] = [
        (#""10.77.0.1:80""#, #""10.77.0.1:81""#, nil),
        (#""10.77.0.1:80""#, #""[fd77::1]:80""#, nil),
        (#""10.77.0.1:80""#, #""10.77.0.1:80""#, "10.77.0.1:80"),
        ("80", #""10.77.0.1:80""#, "10.77.0.1:80"),
        (#""10.77.0.1:80""#, "80", "port 80 of every address"),
    ]

    @Test(arguments: collisions)
    func refusesSharedEndpoints(_ row: (String, String, String?)) throws {
        let yaml =
            Self.head
            + "  - {name: a, nf: web-server, listen: \(row.0)}\n  - {name: b, nf: web-server, listen: \(row.1)}"
        guard let place = row.2 else { return _ = try parse(yaml) }
        let error = try #require(throws: TopologyError.self) { try parse(yaml) }
        #expect(error.description == #"t.yaml:4:39: service "a" already listens on \#(place)"#)
    }

    @Test func reportsEveryErrorOfAFile() throws {
        let error = try #require(throws: TopologyError.self) {
            try parse("ports: 5\nservices: [{name: A}]\nextra: 1")
        }
        #expect(error.diagnostics.count == 5)
    }

    @Test func warns() throws {
        let (_, warnings) = try parse(
            Self.head + "  - {name: web, nf: w, listen: \"10.9.9.9:80\", isolation: none, max: 4}")
        #expect(
            warnings.map(\.description) == [
                "t.yaml:3:32: warning: no port has the address 10.9.9.9, so clients may not find it, expected one of 10.77.0.1, fd77::1",
                "t.yaml:3:69: warning: max has no effect with isolation: none",
            ])
    }

    @Test func survivesAnything() {
        var random = SeededGenerator(state: 7)
        let valid = Self.head + Self.service + ", options: {root: /srv/www, a: \"b\"}, cores: [1]}"
        let pieces = [
            "{", "}", "[", "]", ":", ",", "\"", "'", "\n", "- ", "&a", "*a", "\u{0}", "é", "|", ">", "!!int ", "%",
            "? ", "  ",
        ]
        for _ in 0..<2_000 {
            var text = Array(valid)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                text.replaceSubrange(
                    place..<min(text.count, place + Int.random(in: 0...3, using: &random)),
                    with: Array(pieces.randomElement(using: &random)!))
            }
            _ = try? parse(String(text))
        }
        _ = try? parse(String(repeating: "[", count: 100_000))
        _ = try? parse(String(repeating: "{a: ", count: 100_000))
        _ = try? parse(String(repeating: "- ", count: 100_000))
    }

    @Test func namesAnUnreadableFile() throws {
        let error = try #require(throws: TopologyError.self) {
            try Topology.load(path: "/nonexistent/t.yaml", host: nil)
        }
        #expect(
            error.description
                == "/nonexistent/t.yaml:1:1: cannot read the file: No such file or directory, expected a topology file in YAML"
        )
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
