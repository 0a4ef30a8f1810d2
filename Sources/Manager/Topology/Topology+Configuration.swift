internal import Handover

extension Topology.Service {
    /// The `key=value` lines that its NFs are granted.
    var configurationLines: String {
        let endpoints = listen.map { "listen=" + ($0.address?.description(port: $0.port) ?? "*:\($0.port)") }
        return (endpoints + options.map { "\($0.key)=\($0.value)" }).map { $0 + "\n" }.joined()
    }

    /// What the eBPF programs know of it.
    /// - Parameter mtu: Of the NFs' devices.
    func definition(mtu: UInt32) -> ServiceDefinition {
        ServiceDefinition(
            id: id, isolation: isolation.steering, overflow: overflow.steering,
            endpoints: listen.map { .init(address: $0.address, port: $0.port) }, ipv6PrefixLength: ipv6PrefixLength,
            halfOpenLimit: UInt32(sourceLimits.halfOpen), prefixLimit: UInt32(sourceLimits.prefix),
            addressLimit: UInt32(sourceLimits.address), guestLimit: UInt32(shareLimit),
            returnsByPath: wayBack == .path, gate: isolation == .none ? nil : gate(mtu: mtu))
    }

    /// A flood of spoofed SYNs gets no more NFs than there are ready ones, or a quarter of all, at a time; half of the
    /// ready ones are left to clients that prove their address. A handshake that is not finished holds its NF for five
    /// seconds.
    private func gate(mtu: UInt32) -> ServiceDefinition.Gate {
        let halfOpenMark = Swift.max(1, Swift.min(idle, self.max / 4))
        return ServiceDefinition.Gate(
            idleMark: UInt32(Swift.max(1, idle / 2)), halfOpenMark: UInt32(halfOpenMark),
            unansweredMark: UInt32(halfOpenMark / 5),
            offer: .init(
                window: UInt16(clamping: HandshakeOffer.initialReceiveWindow), windowShift: HandshakeOffer.windowShift,
                mtu: mtu))
    }
}

extension Topology {
    /// Clients, or connections, that have an NF or share one, at most: twice as many as can be, as a hash table has to
    /// find room for a new one before an old one was taken out.
    var bindingCount: Int {
        let clients = services.reduce(0) { $0 + $1.slotCount * ($1.overflow == .share ? 1 + $1.shareLimit : 1) }
        return min(max(1_024, 2 * clients), 16 << 20)
    }
}

extension Topology.Isolation {
    var steering: ServiceDefinition.Isolation {
        switch self {
        case .client: .client
        case .connection: .connection
        case .none: .none
        }
    }
}

extension Topology.Overflow {
    var steering: ServiceDefinition.Overflow {
        switch self {
        case .refuse: .refuse
        case .share: .share
        case .drop: .drop
        }
    }
}
