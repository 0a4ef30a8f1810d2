import ArgumentParser
import Glibc
import Handover
import Linux
import NetworkFunction
import PacketHeaders
import TCPStack
import XSK

/// One end of TCP connections, by this project's stack on a device of its own. It prints "ready", a line of JSON a
/// connection that ended, and a line of counters at its end: when its standard input is closed, or when all connections
/// it was told to open have ended.
@main struct TCPPeer: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "onvm-tcp-peer", abstract: "A TCP end for tests.")

    @Option(help: "The device whose frames are all taken.") var device: String
    @Option(help: "The device's MTU.") var mtu: UInt32 = 1_500
    @Option(help: "The file whose bytes streams consist of, repeated.") var content: String
    @Option(help: "PORT:ROLE to serve; roles: sink source echo idle push=BYTES slow=BYTES") var serve: [String] = []
    @Option(help: "ADDRESS:PORT to connect to.") var connect: String?
    @Option(help: "The role on connections this end opens.") var role: String = "sink"
    @Option(help: "ADDRESS:PORT of the first connection's own end; others have the ports behind it.") var from: String?
    @Option(help: "MAC addresses of the way there: OWN/NEXT.") var path: String?
    @Option(help: "How many connections to open.") var count = 1
    @Option(help: "How many of them at once.") var parallel = 1
    @Option(help: "The largest receive window, in bytes.") var window: Int?
    @Option(help: "Connections there can be at once.") var capacity = 65_536
    @Option(help: "Milliseconds before the first of three keepalive probes, and between them.") var keepalive: Int?
    @Option(help: "Milliseconds until unacknowledged data ends a connection.") var userTimeout: Int?
    @Option(help: "Prints what is known of the first opened connection every so many milliseconds.") var trace: Int?

    func run() throws {
        let device = try PeerDevice(device, mtu: mtu)
        let port = try device.openPort()
        let program = try device.attach()
        let opening = connect == nil ? nil : try parse(role: role)
        let serving = try serve.map { try parse(service: $0) }
        var stack = Stack(try stackConfiguration())
        for service in serving { _ = stack.listen(on: Endpoint(address: .any, port: service.port)) }
        let service = PeerService(content: try Content(path: content), serving: serving, opening: opening)
        var worker = try ServiceWorker(
            service: service, stack: stack, port: port, telemetry: try Telemetry(mapping: Telemetry.createMemory()),
            connectionCapacity: capacity)
        say("ready")
        var opener = try connect.map { try makeOpener($0) }
        while true {
            let (received, kick) = worker.turn()
            opener?.advance(&worker)
            if opener?.isDone ?? false { break }
            var isPending = false
            var hasMore = received > 0 || opener?.hasNews ?? false
            switch kick {
            case .sent, .down: break
            case .pending: isPending = true
            case .more: hasMore = true
            case .dead(let errno): throw errno
            }
            if hasMore { continue }
            if worker.sleep(channel: STDIN_FILENO, isPending: isPending) { break }
        }
        say(describe(worker.counters, connections: worker.connectionCount))
        _ = consume program
    }

    private func stackConfiguration() throws -> Configuration {
        var secret: (UInt64, UInt64) = (0, 0)
        try Errno.check(unsafe getentropy(&secret, 16))
        var configuration = Configuration(secret: secret)
        configuration.connectionCapacity = capacity
        configuration.mtu = Int(mtu)
        configuration.trustsPartialChecksums = true
        if let window {
            configuration.maximumReceiveWindow = window
            configuration.initialReceiveWindow = min(window, configuration.initialReceiveWindow)
        }
        if let keepalive {
            configuration.keepaliveIdle = .milliseconds(keepalive)
            configuration.keepaliveInterval = .milliseconds(keepalive)
            configuration.keepaliveProbes = 3
        }
        if let userTimeout { configuration.userTimeout = .milliseconds(userTimeout) }
        return configuration
    }

    private func makeOpener(_ target: String) throws -> Opener {
        guard let from, let path else { throw ValidationError("--connect needs --from and --path") }
        let addresses = path.split(separator: "/").compactMap { mac($0) }
        guard addresses.count == 2 else { throw ValidationError("--path must be OWN/NEXT") }
        return Opener(
            target: try endpoint(target), first: try endpoint(from),
            path: LinkPath(destination: addresses[1], source: addresses[0]), count: count, parallel: parallel,
            traceInterval: trace.map { UInt64($0) * 1_000_000 })
    }

    private func parse(role: some StringProtocol) throws -> Role {
        guard let role = Role(role) else { throw ValidationError("no such role: \(role)") }
        return role
    }

    private func parse(service: String) throws -> (port: UInt16, role: Role) {
        let parts = service.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let port = UInt16(parts[0]) else { throw ValidationError("--serve PORT:ROLE") }
        return (port, try parse(role: parts[1]))
    }

    private func endpoint(_ text: String) throws -> Endpoint {
        try WorkerOptions.parse("listen=\(text)").0.endpoints[0]
    }

    private func mac(_ text: some StringProtocol) -> UInt64? {
        let bytes = text.split(separator: ":").compactMap { UInt64($0, radix: 16) }
        return bytes.count == 6 ? bytes.reduce(0) { $0 << 8 | $1 } : nil
    }

    private func describe(_ counters: Counters, connections: Int) -> String {
        let events = Counter.allCases.map { ("\($0)", counters[$0]) }
        let drops = DropCause.allCases.map { ("\($0)", counters[$0]) }
        let members = (events + drops).filter { $0.1 > 0 }.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ")
        return "{\"connections\": \(connections), \"counters\": {\(members)}}"
    }
}

/// Writes a line at once, for whoever waits for it.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(STDOUT_FILENO, bytes, bytes.count)
}
