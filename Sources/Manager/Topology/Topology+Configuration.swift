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
            halfOpenLimit: UInt32(halfOpenLimit))
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
