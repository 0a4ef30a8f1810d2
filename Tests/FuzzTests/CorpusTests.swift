import Foundation
import Testing

/// Everything the fuzzer found worth keeping, again: what once broke a target stays mended.
@Suite struct CorpusTests {
    @Test(arguments: FuzzTarget.allCases) func theCorpusReplays(_ target: FuzzTarget) throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let directory = here.appending(path: "Corpus/\(target.rawValue)")
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files { target.run([UInt8](try Data(contentsOf: file))) }
    }

    /// A checker that never objects proves nothing.
    @Test func theInputsAreCutAtTheirEnd() {
        var source = ByteSource([1, 2])
        #expect(source.word() == 0x0102 && source.isEmpty && source.long() == 0)
    }
}
