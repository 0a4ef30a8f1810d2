import ControlAPI
import Foundation
import Linux

/// `/run/onvm/<instance>`: the lock that makes a manager the only one, its state file and its socket.
struct InstanceDirectory {
    let instance: String
    private let runDirectory: String

    /// - Throws: `HostError` for what is no name: it would lead to another directory.
    init(instance: String, in runDirectory: String = ControlAPI.runDirectory) throws {
        try Topology.checkInstance(instance)
        self.instance = instance
        self.runDirectory = runDirectory
    }

    var path: String { "\(runDirectory)/\(instance)" }
    var socketPath: String { "\(path)/control.sock" }
    private var lockPath: String { "\(path)/lock" }
    private var statePath: String { "\(path)/state.json" }

    /// Makes the directory and takes the lock, which the kernel gives back when the process ends (flock(2)).
    ///
    /// Who had the lock before may have removed the file between our open and our flock. What we hold then is the lock
    /// of a file without a name, and another manager may hold the one at the path.
    /// - Parameter afterOpening: For tests: what others do in that moment.
    /// - Throws: `AlreadyRunning` when another manager has it.
    func lock(afterOpening: () throws -> Void = {}) throws -> FileDescriptorBox {
        do {
            for _ in 0..<100 {
                if let lock = try attemptLock(afterOpening) { return lock }
            }
        } catch let error as Errno {
            throw HostError("lock \(lockPath): \(error)")
        }
        throw HostError("lock \(lockPath): other programs keep removing it")
    }

    /// - Returns: nil when the file went while it was being locked.
    private func attemptLock(_ afterOpening: () throws -> Void) throws -> FileDescriptorBox? {
        for directory in [runDirectory, path] {
            guard unsafe mkdir(directory, 0o755) == 0 || errno == EEXIST else {
                throw HostError("make \(directory): \(Errno.current)")
            }
        }
        let descriptor = unsafe open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Errno.current
        }
        let file = FileDescriptorBox(FileDescriptor(owning: descriptor))
        try afterOpening()
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard Errno.current == .wouldBlock else { throw Errno.current }
            guard isAtPath(file) else { return nil }
            throw AlreadyRunning(instance: instance, pid: Self.pid(in: descriptor))
        }
        guard isAtPath(file) else { return nil }
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor, 0) == 0, unsafe pwrite(descriptor, text, text.count, 0) == text.count
        else { throw Errno.current }
        return file
    }

    /// Whether the lock file that is open is the one that others open now.
    private func isAtPath(_ file: FileDescriptorBox) -> Bool {
        var (ours, theirs) = (stat(), stat())
        return unsafe fstat(file.rawValue, &ours) == 0 && stat(lockPath, &theirs) == 0
            && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino
    }

    private static func pid(in file: CInt) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        return Int32(text.prefix { $0.isNumber })
    }

    // MARK: State

    /// What the last manager wrote; nil if there is nothing.
    /// - Throws: `HostError` when it is damaged.
    func readState() throws -> InstanceState? {
        guard let data = FileManager.default.contents(atPath: statePath) else { return nil }
        do {
            return try JSONDecoder().decode(InstanceState.self, from: data)
        } catch {
            throw HostError("\(statePath) is damaged or of another version: \(Self.problem(error))")
        }
    }

    /// The network namespace that a record names which is damaged otherwise.
    var notedNetworkNamespace: String? {
        struct Place: Decodable { var netns: String? }
        guard let data = FileManager.default.contents(atPath: statePath) else { return nil }
        return (try? JSONDecoder().decode(Place.self, from: data))?.netns
    }

    private static func problem(_ error: any Error) -> String {
        switch error {
        case DecodingError.dataCorrupted(let context), DecodingError.keyNotFound(_, let context),
            DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
        default: "\(error)"
        }
    }

    /// Whole or not at all: a manager may be killed at any time.
    func write(_ state: InstanceState) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(state).write(to: URL(filePath: statePath), options: .atomic)
    }

    /// Takes away what `lock` made, if there was nothing before.
    func abandon(holding lock: FileDescriptorBox) {
        guard unsafe access(statePath, F_OK) != 0 else { return }
        remove(holding: lock)
    }

    /// Takes away what a manager makes here, and the directories if nothing else is in them.
    /// - Parameter lock: Of this directory; without it the things are another manager's.
    func remove(holding lock: FileDescriptorBox) {
        guard isAtPath(lock) else { return }
        // The lock last: as long as it is there, nobody else puts anything here.
        for file in [socketPath, statePath, lockPath] { _ = unsafe unlink(file) }
        _ = unsafe rmdir(path)
        _ = unsafe rmdir(runDirectory)
    }

    static var instances: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: ControlAPI.runDirectory)) ?? []).sorted()
    }
}

/// Another manager runs the instance.
public struct AlreadyRunning: Error, CustomStringConvertible, Sendable {
    let instance: String
    let pid: Int32?

    public var description: String {
        let who = pid.map { "process \($0)" } ?? "another process"
        return "instance \"\(instance)\" is already run by \(who); stop that first, or name another instance"
    }
}

/// What `onvm cleanup` has to know about a manager that died. Devices are found by their alias, NFs by the session of
/// their zygote.
struct InstanceState: Codable, Equatable {
    var version = 2
    var managerPid: Int32
    /// The zygote, and those before it that left NFs.
    var zygotes: [ProcessIdentity] = []
    /// Name of the network namespace, if it was entered by name.
    var netns: String?
    var topology: String
    /// nil until some are claimed.
    var users: UserRange?
    var ports: [String]
    var bpffsWasMounted: Bool
    var changedFeatures: [ChangedFeatures]
    var controlGroups: [ControlGroupPlan.Tree]?
}
