import Yams

/// Reads one entry of `services`.
struct ServiceParser {
    let reader: TopologyReader
    let host: (any TopologyHost)?
    let directory: String
    /// Every address of every port; nil when the file is checked alone.
    let portAddresses: Set<IPAddress>?
    /// IDs that the file gives to services explicitly, wherever they are.
    let declaredIDs: Set<UInt8>

    static let keys = [
        "name", "id", "nf", "listen", "isolation", "idle", "max", "overflow", "share_limit", "idle_timeout", "ipv6_prefix",
        "prefix_limit", "address_limit", "half_open_limit", "return", "transmit", "umem", "cores", "options",
    ] + resourceKeys

    func service(_ node: Node, taken: inout TakenNames) -> Topology.Service? {
        guard let mapping = reader.mapping(node, "a service", keys: Self.keys) else { return nil }
        let name = name(mapping, node, &taken)
        let id = id(mapping, node, &taken)
        var networkFunction: String?
        if let value = mapping["nf"] {
            networkFunction = reader.name(value, "nf")
            checkIsKnown(networkFunction, at: value.location)
        } else {
            reader.error("nf is missing", at: node.location, expected: "a network function, such as web-server")
        }
        var service = Topology.Service(name: name ?? "?", id: id ?? 0, networkFunction: networkFunction ?? "?")
        if let value = mapping["listen"] {
            service.listen = listen(value, service.name, &taken)
        } else {
            reader.error("listen is missing", at: node.location, expected: "addresses with ports, or a port")
        }
        placement(mapping, &service)
        limits(mapping, &service)
        service.resources = resources(mapping)
        if let value = mapping["umem"] { service.umem = umem(value) }
        if let value = mapping["options"] {
            OptionsParser(reader: reader, host: host, directory: directory).read(value, into: &service)
        }
        return name != nil && id != nil && networkFunction != nil ? service : nil
    }

    private func checkIsKnown(_ networkFunction: String?, at location: SourceLocation?) {
        guard let networkFunction, let known = host?.networkFunctions, !known.isEmpty else { return }
        guard !known.contains(networkFunction) else { return }
        let hint = networkFunction.nearest(of: known).map { " (did you mean \($0)?)" } ?? ""
        reader.error(
            "there is no network function \(reader.quoted(networkFunction))\(hint)", at: location,
            expected: "one of " + known.joined(separator: ", "))
    }

    private func name(_ mapping: Node.Mapping, _ node: Node, _ taken: inout TakenNames) -> String? {
        guard let value = mapping["name"] else {
            reader.error("name is missing", at: node.location, expected: "the name of the service")
            return nil
        }
        guard let name = reader.name(value, "name") else { return nil }
        if !taken.names.insert(name).inserted {
            reader.error("there are two services called \(reader.quoted(name))", at: value.location)
        }
        return name
    }

    private func id(_ mapping: Node.Mapping, _ node: Node, _ taken: inout TakenNames) -> UInt8? {
        if let value = mapping["id"] {
            guard let id = reader.integer(value, "id", in: Topology.Limit.serviceID) else { return nil }
            if !taken.ids.insert(UInt8(id)).inserted {
                reader.error("there are two services with id \(id)", at: value.location)
            }
            return UInt8(id)
        }
        let free = Topology.Limit.serviceID.first {
            !taken.ids.contains(UInt8($0)) && !declaredIDs.contains(UInt8($0))
        }
        guard let free else {
            reader.error("no id is free for this service", at: node.location, expected: "at most 255 services")
            return nil
        }
        taken.ids.insert(UInt8(free))
        return UInt8(free)
    }

    private func placement(_ mapping: Node.Mapping, _ service: inout Topology.Service) {
        if let value = mapping["isolation"] {
            service.isolation = reader.choice(value, "isolation", of: Topology.Isolation.self) ?? service.isolation
        }
        if let value = mapping["overflow"] {
            service.overflow = reader.choice(value, "overflow", of: Topology.Overflow.self) ?? service.overflow
        }
        if let value = mapping["max"] {
            service.max = reader.integer(value, "max", in: Topology.Limit.slots) ?? service.max
        }
        if let value = mapping["idle"] {
            service.idle = reader.integer(value, "idle", in: Topology.Limit.idle) ?? service.idle
            if service.idle > service.max {
                reader.error(
                    "idle is \(service.idle) but max is \(service.max)", at: value.location,
                    expected: "no more idle NFs than there may be at all")
            }
        } else {
            service.idle = min(service.idle, service.max)
        }
        guard service.isolation == .none else { return }
        let keys = [
            "idle", "max", "overflow", "share_limit", "ipv6_prefix", "prefix_limit", "address_limit", "half_open_limit",
        ]
        for key in keys where mapping[key] != nil {
            reader.warning("\(key) has no effect with isolation: none", at: mapping[key]?.location)
        }
    }

    private func limits(_ mapping: Node.Mapping, _ service: inout Topology.Service) {
        if let value = mapping["idle_timeout"] {
            service.idleTimeoutMilliseconds =
                reader.quantity(
                    value, "idle_timeout", in: Topology.Limit.idleTimeoutMilliseconds,
                    form: TopologyUnits.durationForm, describe: { "\($0 / 1000)s" }, parse: TopologyUnits.milliseconds)
                ?? service.idleTimeoutMilliseconds
        }
        if let value = mapping["ipv6_prefix"] {
            service.ipv6PrefixLength =
                reader.integer(value, "ipv6_prefix", in: Topology.Limit.ipv6Prefix) ?? service.ipv6PrefixLength
        }
        sourceLimits(mapping, &service)
        if let value = mapping["return"] {
            service.wayBack = reader.choice(value, "return", of: Topology.WayBack.self) ?? service.wayBack
        }
        if let value = mapping["transmit"] {
            service.transmit = reader.choice(value, "transmit", of: Topology.Transmit.self) ?? service.transmit
        }
        if let value = mapping["cores"],
            let nodes = reader.sequence(value, "cores", of: "CPU numbers", count: 1...1024)
        {
            service.cores = nodes.compactMap { reader.integer($0, "a core", in: 0...1023) }
        }
    }

    private func sourceLimits(_ mapping: Node.Mapping, _ service: inout Topology.Service) {
        if let value = mapping["half_open_limit"] {
            service.halfOpenLimit = reader.integer(value, "half_open_limit", in: Topology.Limit.halfOpen)
        }
        if let value = mapping["prefix_limit"] {
            service.prefixLimit = reader.integer(value, "prefix_limit", in: Topology.Limit.clientsOfSource)
        }
        if let value = mapping["address_limit"] {
            service.addressLimit = reader.integer(value, "address_limit", in: Topology.Limit.clientsOfSource)
            if service.isolation != .connection {
                reader.warning(
                    "address_limit has no effect with isolation: \(service.isolation.rawValue)", at: value.location)
            }
        }
        if let value = mapping["share_limit"] {
            service.shareLimit = reader.integer(value, "share_limit", in: Topology.Limit.share) ?? service.shareLimit
        }
    }

    private func umem(_ node: Node) -> Topology.UMEM {
        var umem = Topology.UMEM()
        guard let mapping = reader.mapping(node, "umem", keys: ["frames"]) else { return umem }
        if let value = mapping["frames"] {
            umem.frameCount = reader.integer(value, "frames", in: Topology.Limit.frameCount) ?? umem.frameCount
        }
        return umem
    }
}
