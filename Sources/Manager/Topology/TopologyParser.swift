import Yams

/// Turns the nodes of a topology file into a `Topology`, key by key.
struct TopologyParser {
    let reader: TopologyReader
    let host: (any TopologyHost)?
    /// What relative paths start from: the folder of the topology file.
    let directory: String

    static let keys = ["instance", "ports", "services", "sandbox"]

    func topology(_ root: Node) -> Topology {
        var topology = Topology()
        guard let mapping = reader.mapping(root, "the topology", keys: Self.keys) else { return topology }
        if let node = mapping["instance"] { topology.instance = reader.name(node, "instance") ?? topology.instance }
        topology.sandbox = sandbox(mapping["sandbox"])
        if let node = mapping["ports"] {
            topology.ports = ports(node)
        } else {
            reader.error("ports is missing", at: root.location, expected: "a list of ports, such as - device: eth1")
        }
        if let node = mapping["services"] {
            topology.services = services(node, ports: topology.ports)
        } else {
            reader.error("services is missing", at: root.location, expected: "a list of services")
        }
        if topology.slotCount > Topology.Limit.slots.upperBound, let node = mapping["services"] {
            reader.error(
                "all services together have up to \(topology.slotCount) NFs", at: node.location,
                expected: "at most \(Topology.Limit.slots.upperBound)")
        }
        return topology
    }

    private func sandbox(_ node: Node?) -> Topology.SandboxDemand {
        let demand = node.flatMap { reader.choice($0, "sandbox", of: Topology.SandboxDemand.self) } ?? .available
        for layer in host?.missingSandboxLayers ?? [] {
            switch demand {
            case .strict:
                reader.error("sandbox is strict, and this host lacks \(layer)", at: node?.location)
            case .available:
                reader.warning(
                    "this host lacks \(layer): the NFs' sandbox has a layer less; sandbox: strict would refuse to run",
                    at: node?.location)
            }
        }
        return demand
    }

    // MARK: Ports

    private func ports(_ node: Node) -> [Topology.Port] {
        guard let nodes = reader.sequence(node, "ports", of: "ports", count: Topology.Limit.ports) else { return [] }
        var ports: [Topology.Port] = []
        for node in nodes {
            guard let mapping = reader.mapping(node, "a port", keys: ["device"]) else { continue }
            guard let value = mapping["device"] else {
                reader.error("device is missing", at: node.location, expected: "the name of a network device")
                continue
            }
            guard let device = device(value) else { continue }
            if ports.contains(where: { $0.device == device }) {
                reader.error("port \(reader.quoted(device)) is listed twice", at: value.location)
            }
            ports.append(.init(device: device))
        }
        return ports
    }

    private func device(_ node: Node) -> String? {
        let expected = "the name of a network device (1 to 15 characters, no / or space)"
        guard let name = reader.text(node, "device", expected: expected) else { return nil }
        // dev_valid_name() in net/core/dev.c.
        let valid = name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x2F && $0 != 0x3A && $0 != 0x7F }
        guard valid, Topology.Limit.deviceNameByteCount.contains(name.utf8.count), name != ".", name != ".." else {
            reader.error("device is \(reader.quoted(name))", at: node.location, expected: expected)
            return nil
        }
        guard let host, !host.deviceNames.contains(name) else { return name }
        let names = host.deviceNames.filter { $0 != "lo" && !$0.hasPrefix("onvm") }
        let expectedName =
            names.isEmpty
            ? "a device of this network namespace (it has none)" : "one of " + names.joined(separator: ", ")
        reader.error("there is no network device \(reader.quoted(name))", at: node.location, expected: expectedName)
        return name
    }

    // MARK: Services

    private func services(_ node: Node, ports: [Topology.Port]) -> [Topology.Service] {
        let count = 1...Topology.Limit.serviceID.upperBound
        guard let nodes = reader.sequence(node, "services", of: "services", count: count) else { return [] }
        var services: [Topology.Service] = []
        var taken = TakenNames()
        let declared = Set(nodes.compactMap { $0.mapping?["id"]?.scalar.flatMap { UInt8($0.string) } })
        let addresses = host.map { host in
            Set(ports.filter { host.deviceNames.contains($0.device) }.flatMap { host.addresses(of: $0.device) })
        }
        for node in nodes {
            let parser = ServiceParser(
                reader: reader, host: host, directory: directory, portAddresses: addresses, declaredIDs: declared)
            if let service = parser.service(node, taken: &taken) { services.append(service) }
        }
        return services
    }
}

/// What earlier services of the file already use.
struct TakenNames {
    var names: Set<String> = []
    var ids: Set<UInt8> = []
    var listen: [Topology.Listen: String] = [:]

    /// Who already takes connections there; no address stands for all of them.
    func owner(of listen: Topology.Listen) -> String? {
        self.listen.first { taken, _ in
            taken.port == listen.port
                && (taken.address == listen.address || taken.address == nil || listen.address == nil)
        }?.value
    }
}
