import Foundation
import Testing

/// The module's README names every requirement of RFC 9293 and what shows that it is met; and scripts are counted.
@Suite struct ReadmeTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func swiftFiles(_ folder: String) throws -> [String: String] {
        let folder = root.appending(path: folder)
        var files: [String: String] = [:]
        let enumerator = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        for case let file as URL in enumerator! where file.pathExtension == "swift" {
            files[file.lastPathComponent] = try String(contentsOf: file, encoding: .utf8)
        }
        return files
    }

    /// The names of all scripts: the first string after `Script(`.
    private static func scriptNames() throws -> [String] {
        let literal = /Script\(\s*"((?:[^"\\]|\\.)+)"/
        return try swiftFiles("Tests/TCPStackTests").values.flatMap { $0.matches(of: literal).map { String($0.1) } }
    }

    @Test func scriptsAreManyAndEachHasItsName() throws {
        let names = try Self.scriptNames()
        #expect(names.count >= 200, "\(names.count)")
        let twice = Dictionary(grouping: names, by: { $0 }).filter { $0.value.count > 1 }.keys
        #expect(twice.isEmpty, "\(twice)")
    }

    /// Rows of the table: number, what it asks, status, evidence.
    private static func rows() throws -> [[String]] {
        let text = try String(contentsOf: root.appending(path: "Sources/TCPStack/README.md"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 3, cells[0].wholeMatch(of: /(MUST|SHLD|MAY|REC)-\d+/) != nil else { return nil }
            return cells
        }
    }

    /// RFC 9293 appendix B numbers MUST 1...69, SHLD 1...31, MAY 1...18 and REC 1.
    @Test func everyRequirementHasARow() throws {
        let expected =
            (1...69).map { "MUST-\($0)" } + (1...31).map { "SHLD-\($0)" } + (1...18).map { "MAY-\($0)" } + ["REC-1"]
        let numbers = try Self.rows().map { $0[0] }
        #expect(Set(expected).subtracting(numbers).isEmpty, "missing")
        #expect(Set(numbers).subtracting(expected).isEmpty, "not in the RFC")
        #expect(Set(numbers).count == numbers.count, "twice")
    }

    /// Status `yes` names tests or scripts that exist; `no` and `not ours` say why.
    @Test func everyRowHoldsGood() throws {
        let scripts = Set(try Self.scriptNames())
        let sources = try Self.swiftFiles("Tests")
        for row in try Self.rows() {
            let isComplete = row.count == 4 && !row[1].isEmpty && !row[3].isEmpty
            #expect(isComplete, "\(row[0]) is incomplete")
            guard isComplete else { continue }
            #expect(["yes", "no", "not ours"].contains(row[2]), "\(row[0]): \(row[2])")
            guard row[2] == "yes" else {
                #expect(row[3].count > 20, "\(row[0]) says too little")
                continue
            }
            let evidence = row[3].matches(of: /`([^`]+)`/).map { String($0.1) }
            #expect(!evidence.isEmpty, "\(row[0]) names no test")
            for name in evidence {
                let isThere = scripts.contains(name) || Self.isTest(name, sources)
                #expect(isThere, "\(row[0]): there is no '\(name)'")
            }
        }
    }

    /// `Suite.function` in one file.
    private static func isTest(_ name: String, _ sources: [String: String]) -> Bool {
        let parts = name.split(separator: ".")
        guard parts.count == 2 else { return false }
        return sources.values.contains { $0.contains("@Suite struct \(parts[0]) ") && $0.contains("func \(parts[1])(") }
    }
}
