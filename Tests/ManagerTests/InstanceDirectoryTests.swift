import Foundation
import Glibc
import Linux
import Testing

@testable import Manager

/// `/run/onvm` of a test.
final class RunDirectory {
    let path = "/tmp/onvm-run-\(UUID().uuidString)"
    func instance(_ name: String = "web") throws -> InstanceDirectory {
        try InstanceDirectory(instance: name, in: path)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct InstanceDirectoryTests {
    @Test func oneHasTheLock() throws {
        let run = RunDirectory()
        let lock = try run.instance().lock()
        let error = #expect(throws: AlreadyRunning.self) { _ = try run.instance().lock() }
        #expect(error?.description.contains("process \(getpid())") == true)
        try run.instance().remove(holding: lock)
        #expect(!FileManager.default.fileExists(atPath: run.path))
    }

    /// The manager before stops between our open and our flock: our lock would be of a file that has no name any more.
    @Test func aLockOfARemovedFileIsNone() throws {
        let run = RunDirectory()
        var before: FileDescriptorBox? = try run.instance().lock()
        var next: FileDescriptorBox?
        #expect(throws: AlreadyRunning.self) {
            // A late cleanup: flock(2) has no objection once the first is gone.
            var isFirst = true
            _ = try run.instance().lock {
                guard isFirst else { return }
                isFirst = false
                try run.instance().remove(holding: try #require(before))
                before = nil
                next = try run.instance().lock()
            }
        }
        #expect(next != nil)
        #expect(FileManager.default.fileExists(atPath: "\(run.path)/web/lock"), "the running one's things are there")
    }

    @Test func aDirectoryThatGoesMeanwhileIsMadeAgain() throws {
        let run = RunDirectory()
        var before: FileDescriptorBox? = try run.instance().lock()
        var isFirst = true
        let lock = try run.instance().lock {
            guard isFirst else { return }
            isFirst = false
            try run.instance().remove(holding: try #require(before))
            before = nil
        }
        #expect(throws: AlreadyRunning.self) { _ = try run.instance().lock() }
        withExtendedLifetime(lock) {}
    }

    @Test func onlyTheHolderRemoves() throws {
        let run = RunDirectory()
        let first = try run.instance().lock()
        try FileManager.default.removeItem(atPath: "\(run.path)/web/lock")
        let second = try run.instance().lock()
        try run.instance().remove(holding: first)
        #expect(FileManager.default.fileExists(atPath: "\(run.path)/web/lock"))
        withExtendedLifetime(second) {}
    }

    static let paths = ["../../x", "..", ".", "", "/", "a/b", "web\n", "web\u{0}", "Web", String(repeating: "a", count: 300)]

    @Test(arguments: paths)
    func aNameThatLeadsElsewhereMakesNothing(_ name: String) {
        let run = RunDirectory()
        #expect(throws: HostError.self) { _ = try run.instance(name).lock() }
        #expect(!FileManager.default.fileExists(atPath: run.path))
        #expect(throws: HostError.self) { _ = try Leftovers.remove(instance: name) }
        #expect(throws: HostError.self) { _ = try ControlClient(instance: name) }
    }

    // MARK: State

    static let state = InstanceState(
        managerPid: 4_711, zygotes: [], netns: "red", topology: "web.yaml", users: UserRange(index: 7),
        ports: ["port0"], bpffsWasMounted: true, changedFeatures: [ChangedFeatures(device: "port0", turnedOff: ["rx-gro"])])

    @Test func whatIsWrittenIsRead() throws {
        let run = RunDirectory()
        let lock = try run.instance().lock()
        #expect(try run.instance().readState() == nil)
        try run.instance().write(Self.state)
        #expect(try run.instance().readState() == Self.state)
        withExtendedLifetime(lock) {}
    }

    static let damages: [(String, String)] = [
        ("4711", "-99999999999"), ("1879162880", "4294967295"), ("1879162880", "1879162881"),
        ("1879162880", "1e400"), ("1879162880", "18446744073709551616"), ("4711", "\"x\""), ("{", ""), ("true", "7"),
    ]

    @Test(arguments: damages)
    func aDamagedFileIsSaidAndNothingMore(_ damage: (String, String)) throws {
        let run = RunDirectory()
        let lock = try run.instance().lock()
        try run.instance().write(Self.state)
        let file = "\(run.path)/web/state.json"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let damaged = text.replacingOccurrences(of: damage.0, with: damage.1)
        try damaged.write(toFile: file, atomically: false, encoding: .utf8)
        if damaged == text { return }
        let error = #expect(throws: HostError.self) { _ = try run.instance().readState() }
        #expect(error?.description.contains("state.json is damaged") == true)
        withExtendedLifetime(lock) {}
    }

    /// kill(2) takes 0 and negative numbers for groups of processes, or for all of them.
    @Test(arguments: [Int32.min, -1, 0, 1])
    func aNumberThatIsNoProcessKillsNobody(_ pid: Int32) throws {
        #expect(ProcessIdentity(pid: pid) == nil)
        let text = Data("{\"pid\": \(pid), \"startTicks\": 0}".utf8)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(ProcessIdentity.self, from: text) }
    }

    @Test func aNumberUsedAgainIsAnotherProcess() throws {
        let own = try #require(ProcessIdentity(pid: getpid()))
        #expect(own.isAlive)
        let text = Data("{\"pid\": \(getpid()), \"startTicks\": 1}".utf8)
        #expect(try !JSONDecoder().decode(ProcessIdentity.self, from: text).isAlive)
    }
}
