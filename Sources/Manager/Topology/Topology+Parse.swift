import Foundation
import Yams

extension Topology {
    /// Reads and checks a topology file.
    /// - Parameter host: nil checks the file alone.
    /// - Returns: The topology and the warnings about it.
    public static func load(
        path: String, host: (any TopologyHost)?
    ) throws -> (topology: Topology, warnings: [TopologyDiagnostic]) {
        func unreadable(_ problem: String) -> TopologyError {
            TopologyError(diagnostics: [
                .init(file: path, line: 1, column: 1, problem: problem, expected: "a topology file in YAML")
            ])
        }
        let url = URL(filePath: path)
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            data = try handle.read(upToCount: Limit.fileByteCount + 1) ?? Data()
        } catch {
            throw unreadable("cannot read the file: \((error as NSError).readableReason)")
        }
        guard data.count <= Limit.fileByteCount else {
            throw unreadable("the file is larger than \(Limit.fileByteCount) bytes")
        }
        guard let text = String(validating: data, as: UTF8.self) else { throw unreadable("the file is not UTF-8") }
        return try parse(
            text, file: path, directory: url.deletingLastPathComponent().path(percentEncoded: false), host: host)
    }

    /// Checks the text of a topology.
    /// - Parameter directory: What relative paths in it start from.
    public static func parse(
        _ text: String, file: String, directory: String = ".", host: (any TopologyHost)? = nil
    ) throws -> (topology: Topology, warnings: [TopologyDiagnostic]) {
        let reader = TopologyReader(file: file)
        var topology = Topology()
        if let root = composed(text, reader) {
            let parser = TopologyParser(reader: reader, host: host, directory: directory)
            topology = parser.topology(root)
        }
        guard !reader.failed else {
            throw TopologyError(diagnostics: reader.diagnostics.filter { $0.severity == .error })
        }
        return (topology, reader.diagnostics)
    }

    private static func composed(_ text: String, _ reader: TopologyReader) -> Node? {
        // An alias used as a key of nested mappings makes the composer hash it exponentially often, and a topology
        // needs none.
        do {
            try AliasScan.refuse(in: text)
            guard let root = try Yams.compose(yaml: text) else {
                reader.error("the file is empty", at: nil, expected: "a mapping with ports and services")
                return nil
            }
            return root
        } catch let error as AliasScan.Found {
            reader.error(error.problem, at: error.location)
        } catch let error as YamlError {
            let (problem, location) = error.located
            var expected = "valid YAML"
            if case .duplicatedKeysInMapping = error { expected = "each key once" }
            reader.error(problem, at: location, expected: expected)
        } catch {
            reader.error("\(error)", at: nil, expected: "valid YAML")
        }
        return nil
    }
}

extension NSError {
    /// The errno text under Foundation's own message, which names neither.
    fileprivate var readableReason: String {
        if let underlying = userInfo[NSUnderlyingErrorKey] as? NSError { return underlying.readableReason }
        if domain == NSPOSIXErrorDomain { return unsafe String(cString: strerror(CInt(code))) }
        return localizedDescription
    }
}

extension YamlError {
    /// What went wrong and where, without the excerpt that `description` adds.
    fileprivate var located: (String, SourceLocation) {
        let start = SourceLocation(line: 1, column: 1)
        switch self {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            return ((context.map { "\($0.text) " } ?? "") + problem, SourceLocation(mark))
        case .reader(let problem, let offset, _, let yaml):
            guard let offset else { return (problem, start) }
            let before = yaml.prefix(offset)
            let line = before.count { $0.isNewline } + 1
            let column = before.reversed().prefix { !$0.isNewline }.count + 1
            return (problem, SourceLocation(line: line, column: column))
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.map { "\"\($0)\"" }.joined(separator: ", ")
            return ("duplicate key \(keys)", SourceLocation(context.mark))
        default:
            return ("\(self)", start)
        }
    }
}
