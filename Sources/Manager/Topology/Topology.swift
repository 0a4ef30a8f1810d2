/// What the operator asked for, read from one YAML file and checked: the input of `onvm run`.
///
/// ```yaml
/// instance: web                # names /run/onvm/web and /sys/fs/bpf/onvm/web; default "default"
/// sandbox: strict              # strict: refuse to run where the kernel lacks a layer of the NFs' sandbox (Landlock);
///                              # default available: warn, and run with the others
/// ports:
///   - device: port0            # network devices that clients come by
/// services:
///   - name: web
///     id: 1                    # 1...255; default: the lowest that is free
///     nf: web-server           # which network function the processes run
///     listen: ["10.77.0.1:80", "[fd77::1]:80"]   # or 80: that port on every address of the ports
///     isolation: client        # client | connection | none
///     idle: 4                  # NF processes kept ready for the next client
///     max: 256                 # NF processes at most
///     overflow: refuse         # what a client gets when all of max are taken: refuse | share | drop
///     share_limit: 16          # overflow share: clients of an NF besides the one that took it
///     idle_timeout: 60s        # a client that has had no connection for this long loses its NF; one that the kernel
///                              # has not heard for so long, and for 130 s, does, whatever its NF says
///     ipv6_prefix: 64          # how many bits of an IPv6 source make one client
///     prefix_limit: 128        # clients served at once for each source /24 or /48; default: half of max
///     address_limit: 64        # isolation connection: NFs for each source address; default: a quarter of max
///     half_open_limit: 64      # unfinished handshakes allowed for each source /24 or /48; default: a quarter of max
///     return: route            # how answers go: route, as the kernel's routes say | path, back where the client came from
///     transmit: tap            # how NFs send: tap (64 KiB at a time) | socket (AF_XDP, packet by packet)
///     umem: {frames: 1024}     # packet memory of one NF
///     cores: [0, 1]            # where its NFs may run; default: anywhere
///     cpu_weight: 100          # of one NF, for a core that others want as well: 1 to 10000
///     cpu_limit: 50%           # of one core, for one NF at most; default: no limit
///     memory: 256MiB           # of one NF at most, beside its packet memory; default: 64 MiB + receive_pool_kib
///                              # + 2 KiB for each of its `connections`
///     rate: 100MB/s            # what one NF may send (or 800Mbit/s); default: no limit
///     burst: 10MB              # what it may send at once; default: a tenth of a second of its rate, 256 KiB at least
///     violations: 100          # an NF that sent so many forbidden frames in a minute is ended
///     options: {root: /srv/www, access_log: off}   # for the NF; these two as open descriptors, others as text
///     # with an access_log: access_log_size: 100MiB (then it is renamed), access_log_keep: 5 (so many old ones),
///     # access_log_rate: 8MiB (a second, of one NF)
/// ```
public struct Topology: Equatable, Sendable {
    public var instance = "default"
    public var sandbox = SandboxDemand.available
    public var ports: [Port] = []
    public var services: [Service] = []

    /// What is to be done where the host lacks a layer of the NFs' sandbox.
    public enum SandboxDemand: String, CaseIterable, Sendable {
        /// Run with the layers there are, and warn.
        case available
        /// Refuse to run.
        case strict
    }

    /// A network device that the platform attaches to.
    public struct Port: Equatable, Sendable {
        public var device: String

        public init(device: String) { self.device = device }
    }

    /// How many NF processes all services may have together.
    public var slotCount: Int { services.reduce(0) { $0 + $1.slotCount } }
}

extension Topology {
    /// What NFs are instances of, and how clients are spread over them.
    public struct Service: Equatable, Sendable {
        public var name: String
        public var id: UInt8
        public var networkFunction: String
        public var listen: [Listen] = []
        public var isolation = Isolation.client
        public var idle = 4
        public var max = 256
        public var overflow = Overflow.refuse
        public var idleTimeoutMilliseconds = 60_000
        public var ipv6PrefixLength = 64
        /// Nil: a share of `max`, so that no site can take all.
        public var halfOpenLimit: Int?
        public var prefixLimit: Int?
        public var addressLimit: Int?
        public var shareLimit = 16
        public var wayBack = WayBack.route
        public var transmit = Transmit.tap
        public var umem = UMEM()
        public var cores: [Int] = []
        public var resources = Resources()
        /// Handed to the NF, in the file's order. Without `root` and `access_log`…, which become descriptors.
        public var options: [Option] = []
        /// The document root, an absolute path.
        public var root: String?
        /// Where the access log of its NFs goes; nil: nowhere.
        public var accessLog: AccessLog?

        public init(name: String, id: UInt8, networkFunction: String) {
            self.name = name
            self.id = id
            self.networkFunction = networkFunction
        }

        /// A service that is not isolated has one NF for all its clients.
        public var slotCount: Int { isolation == .none ? 1 : max }
        public var idleTarget: Int { isolation == .none ? 1 : idle }

        /// What holds for each source prefix and address. An NF for everybody has no slots to run out of.
        public var sourceLimits: (prefix: Int, address: Int, halfOpen: Int) {
            guard isolation != .none else { return (0, 0, 0) }
            return (
                prefixLimit ?? Swift.max(1, max / 2), addressLimit ?? Swift.max(1, max / 4),
                halfOpenLimit ?? Swift.max(1, max / 4)
            )
        }
    }

    /// What one NF process is shared by.
    public enum Isolation: String, CaseIterable, Sendable {
        /// Nobody: each client address has its own.
        case client
        /// Nobody: each connection has its own.
        case connection
        /// Every client of the service.
        case none
    }

    /// What happens to a new client when every NF that the service may have is taken. Before that it waits for one.
    public enum Overflow: String, CaseIterable, Sendable {
        /// RST is the answer, as if nobody listened.
        case refuse
        /// It joins an NF that another client has.
        case share
        /// Its SYN is dropped.
        case drop
    }

    /// By which way clients are answered.
    public enum WayBack: String, CaseIterable, Sendable {
        /// As the kernel's routes and neighbours say, out of the ports only.
        case route
        /// Back the way that the client's last acknowledgment came: for networks that the host has no route to.
        case path
    }

    /// How NFs send.
    public enum Transmit: String, CaseIterable, Sendable {
        /// By a TAP device, up to 64 KiB at a time; by the socket where the host has none.
        case tap
        /// By the AF_XDP socket, packet by packet.
        case socket
    }

    /// The packet memory of one NF.
    public struct UMEM: Equatable, Sendable {
        public var frameCount = 1024

        public init() {}
    }

    public struct Option: Equatable, Sendable {
        public var key: String
        public var value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// A file that the lines of all NFs of a service go to.
    public struct AccessLog: Equatable, Sendable {
        /// An absolute path.
        public var path: String
        /// The size at which it is renamed and another begun; nil: never.
        public var byteCountLimit: Int?
        /// How many renamed ones are kept.
        public var keep = 5
        /// Bytes a second that one NF may write, and twice as many at once.
        public var bytesPerSecond = 8 << 20

        public init(path: String) { self.path = path }
    }

    /// Where a service takes connections; no address means every address of the ports.
    public struct Listen: Hashable, Sendable {
        public var address: IPAddress?
        public var port: UInt16

        public init(address: IPAddress?, port: UInt16) {
            self.address = address
            self.port = port
        }
    }
}

extension Topology {
    /// The limits a topology is checked against.
    public enum Limit {
        /// A service ID is one byte and 0 means none.
        public static let serviceID = 1...255
        /// Slot IDs index arrays in the eBPF maps.
        public static let slots = 1...16_383
        public static let idle = 1...4096
        public static let ports = 1...64
        public static let listenPerService = 1...64
        public static let ipv6Prefix = 16...128
        public static let halfOpen = 1...65_536
        public static let clientsOfSource = 1...65_536
        public static let share = 1...65_536
        public static let idleTimeoutMilliseconds = 1_000...86_400_000
        public static let frameCount = 128...65_536
        public static let nameByteCount = 1...32
        /// IFNAMSIZ includes the terminating NUL (netdevice(7)).
        public static let deviceNameByteCount = 1...15
        public static let optionsByteCount = 8192
        public static let accessLogByteCount = 65_536...1 << 50
        public static let accessLogsKept = 1...1_000
        public static let accessLogBytesPerSecond = 1_024...1 << 30
        public static let fileByteCount = 1 << 20
    }
}
