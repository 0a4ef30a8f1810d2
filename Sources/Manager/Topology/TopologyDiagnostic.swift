/// One thing that is wrong in a topology file, where it is, and what was expected there.
public struct TopologyDiagnostic: Equatable, Sendable, CustomStringConvertible {
    public enum Severity: Sendable { case error, warning }

    public var severity = Severity.error
    public var file: String
    public var line: Int
    public var column: Int
    public var problem: String
    public var expected: String?

    public var description: String {
        let prefix = "\(file):\(line):\(column): " + (severity == .warning ? "warning: " : "")
        return prefix + problem + (expected.map { ", expected \($0)" } ?? "")
    }
}

/// A topology file that cannot be run, with everything that is wrong in it.
public struct TopologyError: Error, Equatable, CustomStringConvertible {
    public var diagnostics: [TopologyDiagnostic]

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// A place in a topology file; both count from 1.
public struct SourceLocation: Equatable, Sendable {
    public var line: Int
    public var column: Int
}
