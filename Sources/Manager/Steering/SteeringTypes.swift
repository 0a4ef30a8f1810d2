/// How large the eBPF tables are; fixed when they are created.
public struct SteeringLimits: Equatable, Sendable {
    /// Slot IDs are `0..<slots`.
    public var slots: UInt32
    /// Clients (or connections) that are remembered at once: one for each slot and one for each guest. About 130 bytes each.
    public var bindings: UInt32
    /// Pinned flow verdicts.
    public var flows: UInt32

    public init(slots: UInt32 = 1024, bindings: UInt32 = 65_536, flows: UInt32 = 65_536) {
        self.slots = slots
        self.bindings = bindings
        self.flows = flows
    }
}

/// A network device in the calling thread's network namespace.
public struct PortInterface: Equatable, Sendable {
    public var name: String
    public var index: UInt32
    /// Six bytes.
    public var mac: [UInt8]
    /// Its peers may leave checksums to be completed later.
    public var isVirtual: Bool
    /// Its driver loses what XDP sends back (XDP_TX) unless the peer happens to be set up for it.
    public var isVeth: Bool

    public init(name: String, index: UInt32, mac: [UInt8], isVirtual: Bool = false, isVeth: Bool = false) {
        self.name = name
        self.index = index
        self.mac = mac
        self.isVirtual = isVirtual
        self.isVeth = isVeth
    }
}

/// Where the kernel runs the program on a port.
public enum XDPMode: String, Sendable {
    /// In the driver, before an skb exists.
    case native
    /// In the network stack (works with every driver; the port's GRO must be off, as merged frames fit no slot).
    case generic
}

/// What `steer` and `egress` know of a service.
public struct ServiceDefinition: Equatable, Sendable {
    public var id: UInt8
    public var isolation: Isolation
    public var overflow: Overflow
    public var endpoints: [Endpoint]
    /// How many bits of an IPv6 source make one client (isolation client).
    public var ipv6PrefixLength: Int
    /// Half-open slots allowed for each source /24 (IPv4) or /48 (IPv6); 0: no limit.
    public var halfOpenLimit: UInt32
    /// Clients served at once for each source /24 (IPv4) or /48 (IPv6); 0: no limit.
    public var prefixLimit: UInt32
    /// Isolation connection: slots for each source address; 0: no limit.
    public var addressLimit: UInt32
    /// Overflow share: clients of a slot besides the one that took it.
    public var guestLimit: UInt32
    /// Answers go back the way their client came, instead of following the kernel's routes.
    public var returnsByPath: Bool
    /// nil: SYNs are never answered by cookies, and a client that finds no idle NF is one too many at once.
    public var gate: Gate?

    public enum Isolation: UInt8, Sendable { case none, client, connection }
    public enum Overflow: UInt8, Sendable { case refuse, share, drop }
    /// IP protocol numbers.
    public enum Transport: UInt8, Sendable {
        case tcp = 6
        case udp = 17
    }

    /// Where a service takes traffic.
    public struct Endpoint: Hashable, Sendable {
        /// nil: any address of this host (`setAddresses`), in frames to the port's own MAC address.
        public var address: IPAddress?
        public var port: UInt16
        public var transport: Transport

        public init(address: IPAddress?, port: UInt16, transport: Transport = .tcp) {
            self.address = address
            self.port = port
            self.transport = transport
        }
    }

    public init(
        id: UInt8, isolation: Isolation, overflow: Overflow, endpoints: [Endpoint], ipv6PrefixLength: Int = 128,
        halfOpenLimit: UInt32 = 0, prefixLimit: UInt32 = 0, addressLimit: UInt32 = 0, guestLimit: UInt32 = 16,
        returnsByPath: Bool = false, gate: Gate? = nil
    ) {
        self.id = id
        self.isolation = isolation
        self.overflow = overflow
        self.endpoints = endpoints
        self.ipv6PrefixLength = ipv6PrefixLength
        self.halfOpenLimit = halfOpenLimit
        self.prefixLimit = prefixLimit
        self.addressLimit = addressLimit
        self.guestLimit = guestLimit
        self.returnsByPath = returnsByPath
        self.gate = gate
    }
}

/// A slot's devices and the socket of its NF.
public struct SlotAttachment: Equatable, Sendable {
    public var slot: UInt32
    public var service: UInt8
    /// ifindex of the veth pair's ends, both in the port's network namespace.
    public var hostIndex: UInt32
    public var nfIndex: UInt32
    /// ifindex of the TAP device that the NF sends by, in the same namespace; nil: it sends by its socket.
    public var tapIndex: UInt32?
    /// The AF_XDP socket, bound to queue 0 of the NF end; nil: none, so `deliver` drops.
    public var socket: CInt?
    /// Token bucket of what the NF may send; nil: no limit.
    public var rate: Rate?

    public struct Rate: Equatable, Sendable {
        public var bytesPerSecond: UInt64
        public var burstBytes: UInt64

        public init(bytesPerSecond: UInt64, burstBytes: UInt64) {
            self.bytesPerSecond = bytesPerSecond
            self.burstBytes = burstBytes
        }
    }

    public init(
        slot: UInt32, service: UInt8, hostIndex: UInt32, nfIndex: UInt32, tapIndex: UInt32? = nil, socket: CInt?,
        rate: Rate? = nil
    ) {
        self.slot = slot
        self.service = service
        self.hostIndex = hostIndex
        self.nfIndex = nfIndex
        self.tapIndex = tapIndex
        self.socket = socket
        self.rate = rate
    }
}

/// What the eBPF programs report. A full ring loses events (counter `event_lost`), so it is a hint: `binding(of:)` and
/// `idleCount(service:)` are the truth.
public enum SteeringEvent: Equatable, Sendable {
    /// A client got the slot. `shared`: the slot had a client already.
    case bound(slot: UInt32, service: UInt8, client: IPAddress, clientPort: UInt16, shared: Bool)
    /// The slot's client finished its first handshake, so it is no spoofed address.
    case confirmed(slot: UInt32, service: UInt8)
    /// A client came and no slot was idle. At most one each 10 ms and service.
    case idleEmpty(service: UInt8)
    /// The NF of a slot sent what it may not. `cause` is the counter's name. At most one each second and slot.
    case violation(slot: UInt32, cause: String)
    /// NFs got short: from now on SYNs are answered by cookies.
    case gateOn(service: UInt8)
}

/// Whom a slot serves.
public struct SlotBinding: Equatable, Sendable {
    public var client: IPAddress
    public var clientPort: UInt16
    public var local: IPAddress
    public var localPort: UInt16
    /// The client proved its address: it finished a TCP handshake, or answered a datagram of the NF.
    public var isConfirmed: Bool
    /// Clients that found no idle slot were added.
    public var isShared: Bool
    /// CLOCK_MONOTONIC_COARSE, in nanoseconds; `lastSeen` moves in steps of 134 ms.
    public var boundAt: UInt64
    public var lastSeen: UInt64
}

/// A pinned verdict for one direction of one flow.
public struct FlowKey: Hashable, Sendable {
    public var source: IPAddress
    public var destination: IPAddress
    public var sourcePort: UInt16
    public var destinationPort: UInt16
    public var transport: ServiceDefinition.Transport

    public init(
        source: IPAddress, sourcePort: UInt16, destination: IPAddress, destinationPort: UInt16,
        transport: ServiceDefinition.Transport = .tcp
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        self.transport = transport
    }
}

/// What happens to the frames of a flow in `steer`, before any other rule.
public enum FlowVerdict: Equatable, Sendable {
    case pass
    case drop
    case slot(UInt32)
}
