/// A manager and everything it runs, at one moment.
public struct Status: Codable, Equatable, Sendable {
    public var instance: String
    public var manager: ManagerStatus
    public var ports: [PortStatus]
    public var services: [ServiceStatus]
    public var nfs: [NFStatus]
    /// Every counter of the eBPF programs, by cause.
    public var counters: [String: UInt64]

    public init(
        instance: String, manager: ManagerStatus, ports: [PortStatus], services: [ServiceStatus], nfs: [NFStatus],
        counters: [String: UInt64]
    ) {
        self.instance = instance
        self.manager = manager
        self.ports = ports
        self.services = services
        self.nfs = nfs
        self.counters = counters
    }
}

public struct ManagerStatus: Codable, Equatable, Sendable {
    public var pid: Int32
    /// Of the process that NFs are forked from; nil while it is restarted.
    public var zygotePid: Int32?
    public var version: String
    public var uptimeSeconds: Double
    /// The topology file.
    public var topology: String
    /// The named network namespace it runs in; nil for the one it was started in.
    public var netns: String?
    public var state: State
    /// What NFs write to their standard error, and where it goes.
    public var standardError: LogStatus?

    public enum State: String, Codable, Sendable { case running, draining }

    public init(
        pid: Int32, zygotePid: Int32?, version: String, uptimeSeconds: Double, topology: String, netns: String?,
        state: State, standardError: LogStatus? = nil
    ) {
        self.pid = pid
        self.zygotePid = zygotePid
        self.version = version
        self.uptimeSeconds = uptimeSeconds
        self.topology = topology
        self.netns = netns
        self.state = state
        self.standardError = standardError
    }
}

public struct PortStatus: Codable, Equatable, Sendable {
    public var device: String
    public var index: UInt32
    public var driver: String
    /// Where XDP runs: "native" (in the driver) or "generic" (in the network stack).
    public var mode: String
    public var queues: UInt32
    public var mtu: UInt32

    public init(device: String, index: UInt32, driver: String, mode: String, queues: UInt32, mtu: UInt32) {
        self.device = device
        self.index = index
        self.driver = driver
        self.mode = mode
        self.queues = queues
        self.mtu = mtu
    }
}

public struct ServiceStatus: Codable, Equatable, Sendable {
    public var id: UInt8
    public var name: String
    public var function: String
    public var listen: [String]
    public var isolation: String
    /// NFs that wait for a client.
    public var idle: Int
    /// NFs that have one.
    public var bound: Int
    /// NFs between the two, or being rebuilt.
    public var starting: Int
    public var max: Int
    public var overflow: String
    /// What happened to clients that found no idle NF, by outcome.
    public var overflowCounts: [String: UInt64]
    /// Every counter that the eBPF programs keep for the service.
    public var counters: [String: UInt64]
    /// Why NF processes ended, by cause.
    public var ended: [String: UInt64]
    /// Nil when it has none.
    public var accessLog: LogStatus?
    /// The SYN gate; nil for a service that has none.
    public var gate: GateStatus?

    public init(
        id: UInt8, name: String, function: String, listen: [String], isolation: String, idle: Int, bound: Int,
        starting: Int, max: Int, overflow: String, overflowCounts: [String: UInt64], counters: [String: UInt64],
        ended: [String: UInt64], gate: GateStatus? = nil
    ) {
        self.id = id
        self.name = name
        self.function = function
        self.listen = listen
        self.isolation = isolation
        self.idle = idle
        self.bound = bound
        self.starting = starting
        self.max = max
        self.overflow = overflow
        self.overflowCounts = overflowCounts
        self.counters = counters
        self.ended = ended
        self.gate = gate
    }
}

/// The SYN gate of a service: while NFs are short, new clients are answered by cookies and get an NF once they returned
/// one.
public struct GateStatus: Codable, Equatable, Sendable {
    public var isOn: Bool
    /// How long it has been on.
    public var onSeconds: Double?
    /// NFs whose client did not finish a handshake.
    public var halfOpen: Int
    /// Clients that returned a cookie and wait for an NF.
    public var waiting: Int
    public var cookiesSent: UInt64
    public var cookiesAccepted: UInt64
    public var cookiesInvalid: UInt64
    /// Segments of clients that wait.
    public var held: UInt64
    /// Where most SYNs came from since the gate last went on.
    public var sources: [Source]

    public struct Source: Codable, Equatable, Sendable {
        /// A /24 or /48.
        public var prefix: String
        public var syns: UInt64

        public init(prefix: String, syns: UInt64) {
            self.prefix = prefix
            self.syns = syns
        }
    }

    public init(
        isOn: Bool, onSeconds: Double?, halfOpen: Int, waiting: Int, cookiesSent: UInt64, cookiesAccepted: UInt64,
        cookiesInvalid: UInt64, held: UInt64, sources: [Source]
    ) {
        self.isOn = isOn
        self.onSeconds = onSeconds
        self.halfOpen = halfOpen
        self.waiting = waiting
        self.cookiesSent = cookiesSent
        self.cookiesAccepted = cookiesAccepted
        self.cookiesInvalid = cookiesInvalid
        self.held = held
        self.sources = sources
    }
}
