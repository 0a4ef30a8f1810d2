import Foundation
import Yams

/// Reads `options`: what the platform passes to an NF without knowing what it means, except for the paths:
/// the manager opens those.
struct OptionsParser {
    let reader: TopologyReader
    let host: (any TopologyHost)?
    let directory: String

    func read(_ node: Node, into service: inout Topology.Service) {
        guard case .mapping(let mapping) = node else {
            reader.error(
                "options is \(reader.kind(of: node))", at: node.location, expected: "a mapping such as {root: /srv/www}"
            )
            return
        }
        var byteCount = 0
        if let value = mapping["access_log"], let text = self.value(value, of: "access_log") {
            service.accessLog = accessLog(text, value)
        }
        for (keyNode, value) in mapping {
            guard let key = self.key(keyNode), let text = self.value(value, of: key) else { continue }
            switch key {
            case "root":
                service.root = root(text, value)
                continue
            case "access_log": continue
            case "access_log_size", "access_log_keep", "access_log_rate":
                limit(key, value, &service)
                continue
            default: break
            }
            byteCount += key.utf8.count + text.utf8.count + 2
            service.options.append(.init(key: key, value: text))
        }
        if byteCount > Topology.Limit.optionsByteCount {
            reader.error(
                "options have \(byteCount) bytes", at: node.location,
                expected: "at most \(Topology.Limit.optionsByteCount)")
        }
    }

    /// The NF gets `key=value` lines, so neither may hold what separates them.
    private func key(_ node: Node) -> String? {
        let expected = "a name of a-z, 0-9 and _"
        guard let key = reader.text(node, "an option's name", expected: expected) else { return nil }
        let valid = key.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        guard valid else {
            reader.error("an option's name is \(reader.quoted(key))", at: node.location, expected: expected)
            return nil
        }
        return key
    }

    private func value(_ node: Node, of key: String) -> String? {
        let expected = "text, a number, on or off"
        guard case .scalar(let scalar) = node else {
            reader.error("option \(key) is \(reader.kind(of: node))", at: node.location, expected: expected)
            return nil
        }
        guard !scalar.string.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            reader.error("option \(key) holds control characters", at: node.location, expected: "one line of text")
            return nil
        }
        return scalar.string
    }

    private func root(_ text: String, _ node: Node) -> String? {
        guard !text.isEmpty else {
            reader.error("root is empty", at: node.location, expected: "the path of a directory")
            return nil
        }
        let path = absolute(text)
        guard let host else { return path }
        let expected = "the path of a directory that everybody may read (chmod o+rx)"
        switch host.documentRoot(at: path) {
        case .usable: break
        case .missing:
            reader.error("root \(reader.quoted(path)) does not exist", at: node.location, expected: expected)
        case .notDirectory:
            reader.error("root \(reader.quoted(path)) is not a directory", at: node.location, expected: expected)
        case .unreadable(let mode):
            let octal = "0" + String(mode, radix: 8)
            reader.error(
                "root \(reader.quoted(path)) has mode \(octal), and NFs run under users of their own",
                at: node.location, expected: expected)
        }
        return path
    }

    /// Only whether it is wanted is checked here: it is made when the manager starts.
    private func accessLog(_ text: String, _ node: Node) -> Topology.AccessLog? {
        guard text != "off" else { return nil }
        guard text.contains("/") else {
            reader.error(
                "access_log is \(reader.quoted(text))", at: node.location,
                expected: "off, or the path of a file such as /var/log/web.log")
            return nil
        }
        return Topology.AccessLog(path: absolute(text))
    }

    /// How much of an access log there may be.
    private func limit(_ key: String, _ node: Node, _ service: inout Topology.Service) {
        guard service.accessLog != nil else {
            reader.error(
                "\(key) without an access_log", at: node.location, expected: "access_log with the path of a file")
            return
        }
        switch key {
        case "access_log_size":
            service.accessLog?.byteCountLimit = size(key, node, in: Topology.Limit.accessLogByteCount)
        case "access_log_keep":
            guard let keep = reader.integer(node, key, in: Topology.Limit.accessLogsKept) else { return }
            service.accessLog?.keep = keep
        default:
            guard let rate = size(key, node, in: Topology.Limit.accessLogBytesPerSecond) else { return }
            service.accessLog?.bytesPerSecond = rate
        }
    }

    private func size(_ key: String, _ node: Node, in range: ClosedRange<Int>) -> Int? {
        reader.quantity(
            node, key, in: range, form: TopologyUnits.sizeForm, describe: { "\($0 >> 10)KiB" },
            parse: TopologyUnits.byteCount)
    }

    private func absolute(_ path: String) -> String {
        URL(filePath: path, relativeTo: URL(filePath: directory, directoryHint: .isDirectory))
            .standardizedFileURL.path(percentEncoded: false)
    }
}
