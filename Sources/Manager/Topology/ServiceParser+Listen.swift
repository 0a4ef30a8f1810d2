import Yams

extension ServiceParser {
    static let listenForm = "address:port such as \"10.77.0.1:80\" or \"[fd77::1]:80\", or only a port"

    /// One address with a port or a list of them.
    func listen(_ node: Node, _ service: String, _ taken: inout TakenNames) -> [Topology.Listen] {
        var nodes = [node]
        if case .sequence = node {
            nodes =
                reader.sequence(node, "listen", of: "addresses with ports", count: Topology.Limit.listenPerService)
                ?? []
        }
        return nodes.compactMap { node in
            guard let text = reader.text(node, "listen", expected: Self.listenForm),
                let listen = endpoint(text, node)
            else { return nil }
            if let owner = taken.owner(of: listen) {
                let who = owner == service ? "this service" : "service \(reader.quoted(owner))"
                reader.error("\(who) already listens on \(describe(listen))", at: node.location)
            }
            taken.listen[listen] = service
            warnIfAbsent(listen, node)
            return listen
        }
    }

    private func endpoint(_ text: String, _ node: Node) -> Topology.Listen? {
        func refuse(_ problem: String) -> Topology.Listen? {
            reader.error(problem, at: node.location, expected: Self.listenForm)
            return nil
        }
        let portText = text.split(separator: ":", omittingEmptySubsequences: false).last.map(String.init) ?? text
        var host = text.dropLast(portText.count)
        guard let port = UInt16(portText), port > 0, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return refuse("listen \(reader.quoted(text)) has no port from 1 to 65535")
        }
        guard !host.isEmpty else { return .init(address: nil, port: port) }
        host = host.dropLast()
        let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if bracketed { host = host.dropFirst().dropLast() }
        // Without brackets the last group of an IPv6 address could be the port (RFC 3986 §3.2.2).
        guard let address = IPAddress(String(host)), bracketed == !address.isIPv4 else {
            return refuse("listen \(reader.quoted(text)) has no valid address")
        }
        guard !address.isMulticast else { return refuse("listen \(reader.quoted(text)) is a multicast address") }
        return .init(address: address.isUnspecified ? nil : address, port: port)
    }

    private func describe(_ listen: Topology.Listen) -> String {
        listen.address?.description(port: listen.port) ?? "port \(listen.port) of every address"
    }

    /// Only a warning: the address may be added later, and a router may send its packets here without it.
    private func warnIfAbsent(_ listen: Topology.Listen, _ node: Node) {
        guard let portAddresses, let address = listen.address, !portAddresses.contains(address) else { return }
        let present = portAddresses.map(\.description).sorted().joined(separator: ", ")
        reader.warning(
            "no port has the address \(address), so clients may not find it", at: node.location,
            expected: present.isEmpty ? "an address of a port (they have none)" : "one of \(present)")
    }
}
