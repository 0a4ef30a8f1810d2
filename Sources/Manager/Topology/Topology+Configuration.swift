extension Topology.Service {
    /// The `key=value` lines that its NFs are granted.
    var configurationLines: String {
        let endpoints = listen.map { "listen=" + ($0.address?.description(port: $0.port) ?? "*:\($0.port)") }
        return (endpoints + options.map { "\($0.key)=\($0.value)" }).map { $0 + "\n" }.joined()
    }

    /// What the eBPF programs know of it.
    var definition: ServiceDefinition {
        ServiceDefinition(
            id: id, isolation: isolation.steering, overflow: overflow.steering,
            endpoints: listen.map { .init(address: $0.address, port: $0.port) }, ipv6PrefixLength: ipv6PrefixLength,
            halfOpenLimit: UInt32(sourceLimits.halfOpen), prefixLimit: UInt32(sourceLimits.prefix),
            addressLimit: UInt32(sourceLimits.address), guestLimit: UInt32(shareLimit),
            returnsByPath: wayBack == .path)
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
