import Yams

/// Reads nodes of a topology file and collects what is wrong with them, so that one run reports every error.
final class TopologyReader {
    let file: String
    private(set) var diagnostics: [TopologyDiagnostic] = []

    init(file: String) { self.file = file }

    var failed: Bool { diagnostics.contains { $0.severity == .error } }

    func error(_ problem: String, at mark: SourceLocation?, expected: String? = nil) {
        report(.error, problem, mark, expected)
    }

    func warning(_ problem: String, at mark: SourceLocation?, expected: String? = nil) {
        report(.warning, problem, mark, expected)
    }

    private func report(
        _ severity: TopologyDiagnostic.Severity, _ problem: String, _ mark: SourceLocation?, _ expected: String?
    ) {
        let (line, column) = (mark?.line ?? 1, mark?.column ?? 1)
        diagnostics.append(
            .init(
                severity: severity, file: file, line: line, column: column, problem: problem, expected: expected))
    }

    // MARK: Scalars

    func text(_ node: Node, _ name: String, expected: String = "text") -> String? {
        guard case .scalar(let scalar) = node else {
            error("\(name) is \(kind(of: node))", at: node.location, expected: expected)
            return nil
        }
        guard !scalar.string.isEmpty else {
            error("\(name) is empty", at: node.location, expected: expected)
            return nil
        }
        return scalar.string
    }

    func integer(_ node: Node, _ name: String, in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = text(node, name, expected: expected) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            error("\(name) is \(quoted(text))", at: node.location, expected: expected)
            return nil
        }
        return value
    }

    /// A scalar with a unit, whose parsed value must lie in `range`.
    func quantity(
        _ node: Node, _ name: String, in range: ClosedRange<Int>, form: String, describe: (Int) -> String,
        parse: (String) -> Int?
    ) -> Int? {
        guard let text = text(node, name, expected: form) else { return nil }
        guard let value = parse(text) else {
            error("\(name) is \(quoted(text))", at: node.location, expected: form)
            return nil
        }
        guard range.contains(value) else {
            let bounds = "\(describe(range.lowerBound)) to \(describe(range.upperBound))"
            error("\(name) is \(quoted(text))", at: node.location, expected: bounds)
            return nil
        }
        return value
    }

    func choice<Value: CaseIterable & RawRepresentable>(_ node: Node, _ name: String, of type: Value.Type) -> Value?
    where Value.RawValue == String {
        let names = Value.allCases.map(\.rawValue)
        let expected = "one of \(names.joined(separator: ", "))"
        guard let text = text(node, name, expected: expected) else { return nil }
        if let value = Value(rawValue: text) { return value }
        let hint = text.nearest(of: names).map { " (did you mean \($0)?)" } ?? ""
        error("\(name) is \(quoted(text))\(hint)", at: node.location, expected: expected)
        return nil
    }

    /// A name that is safe in paths, link aliases and log lines.
    func name(_ node: Node, _ name: String) -> String? {
        let expected = Topology.nameForm
        guard let text = text(node, name, expected: expected) else { return nil }
        guard Topology.isName(text) else {
            error("\(name) is \(quoted(text))", at: node.location, expected: expected)
            return nil
        }
        return text
    }

    // MARK: Collections

    func mapping(_ node: Node, _ name: String, keys: [String]) -> Node.Mapping? {
        guard case .mapping(let mapping) = node else {
            error("\(name) is \(kind(of: node))", at: node.location, expected: "a mapping with \(list(keys))")
            return nil
        }
        for (key, _) in mapping {
            guard let text = key.scalar?.string else {
                error("a key of \(name) is \(kind(of: key))", at: key.location, expected: "one of \(list(keys))")
                continue
            }
            guard !keys.contains(text) else { continue }
            let hint = text.nearest(of: keys).map { " (did you mean \($0)?)" } ?? ""
            error("unknown key \(quoted(text)) in \(name)\(hint)", at: key.location, expected: "one of \(list(keys))")
        }
        return mapping
    }

    func sequence(_ node: Node, _ name: String, of elements: String, count: ClosedRange<Int>) -> [Node]? {
        guard case .sequence(let sequence) = node else {
            error("\(name) is \(kind(of: node))", at: node.location, expected: "a list of \(elements)")
            return nil
        }
        guard count.contains(sequence.count) else {
            let expected = "\(count.lowerBound) to \(count.upperBound) \(elements)"
            error("\(name) has \(sequence.count) entries", at: node.location, expected: expected)
            return nil
        }
        return Array(sequence)
    }

    func kind(of node: Node) -> String {
        switch node {
        case .scalar(let scalar): scalar.string.isEmpty ? "empty" : "the value \(quoted(scalar.string))"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// Text from the file, shortened and without control characters: it goes to a terminal.
    func quoted(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(60).map { $0.properties.generalCategory == .control ? "?" : String($0) }
        return "\"" + shown.joined() + (text.unicodeScalars.count > 60 ? "…" : "") + "\""
    }

    private func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}

extension Node {
    var location: SourceLocation? { mark.map(SourceLocation.init) }
}

extension SourceLocation {
    init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}
