/// A checked topology in a few lines, for `onvm check`.
public enum TopologySummary {
    public static func text(of topology: Topology, path: String) -> String {
        let devices = topology.ports.map(\.device).joined(separator: ", ")
        var lines = ["\(path) is good: instance \(topology.instance) on \(devices)"]
        for service in topology.services {
            let listen = service.listen.map { $0.address?.description(port: $0.port) ?? "*:\($0.port)" }
            let size =
                service.isolation == .none
                ? "one NF for all clients"
                : "one NF for each \(service.isolation.rawValue), \(service.idle) kept ready, \(service.max) at most"
            lines.append(
                "  \(service.name) (\(service.id)): \(service.networkFunction) on "
                    + "\(listen.joined(separator: ", ")); \(size)"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Topology {
    /// Runs it under another name, for `onvm run --instance`.
    public mutating func rename(to instance: String) throws {
        try Self.checkInstance(instance)
        self.instance = instance
    }

    /// Whatever names an instance becomes part of paths: nothing may be done with it before this.
    static func checkInstance(_ name: String) throws {
        guard isName(name) else {
            throw HostError("\"\(name)\" is no name of an instance, expected \(nameForm)")
        }
    }

    static let nameForm = "1 to \(Limit.nameByteCount.upperBound) of a-z, 0-9 and -, starting with a letter"

    /// Safe in paths, link aliases and log lines.
    static func isName(_ text: String) -> Bool {
        let allowed = text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        let starts = text.utf8.first.map { (0x61...0x7A).contains($0) } ?? false
        return allowed && starts && Limit.nameByteCount.contains(text.utf8.count)
    }
}
