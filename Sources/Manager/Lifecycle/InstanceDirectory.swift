import ControlAPI
import Foundation
import Linux

/// `/run/onvm/<instance>`: the lock that makes a manager the only one, its state file and its socket.
struct InstanceDirectory {
    let instance: String

    var path: String { "\(ControlAPI.runDirectory)/\(instance)" }
    var socketPath: String { ControlAPI.socketPath(instance: instance) }
    private var lockPath: String { "\(path)/lock" }
    private var statePath: String { "\(path)/state.json" }

    /// Makes the directory and takes the lock, which the kernel gives back when the process ends (flock(2)).
    /// - Throws: `AlreadyRunning` when another manager has it.
    func lock() throws -> FileDescriptorBox {
        for directory in [ControlAPI.runDirectory, path] {
            guard unsafe mkdir(directory, 0o755) == 0 || errno == EEXIST else {
                throw HostError("make \(directory): \(Errno.current)")
            }
        }
        do {
            let file = try FileDescriptor(opening: lockPath, flags: O_RDWR | O_CREAT, mode: 0o644)
            guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                guard Errno.current == .wouldBlock else { throw Errno.current }
                throw AlreadyRunning(instance: instance, pid: Self.pid(in: file.rawValue))
            }
            let text = Array("\(getpid())\n".utf8)
            guard ftruncate(file.rawValue, 0) == 0, unsafe pwrite(file.rawValue, text, text.count, 0) == text.count
            else { throw Errno.current }
            return FileDescriptorBox(file)
        } catch let error as Errno {
            throw HostError("lock \(lockPath): \(error)")
        }
    }

    private static func pid(in file: CInt) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = unsafe pread(file, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        return Int32(text.prefix { $0.isNumber })
    }

    // MARK: State

    func readState() -> InstanceState? {
        guard let data = FileManager.default.contents(atPath: statePath) else { return nil }
        return try? JSONDecoder().decode(InstanceState.self, from: data)
    }

    /// Whole or not at all: a manager may be killed at any time.
    func write(_ state: InstanceState) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(state).write(to: URL(filePath: statePath), options: .atomic)
    }

    /// Takes away what a manager makes here, and the directories if nothing else is in them.
    func remove() {
        for file in [socketPath, statePath, lockPath] { _ = unsafe unlink(file) }
        _ = unsafe rmdir(path)
        _ = unsafe rmdir(ControlAPI.runDirectory)
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

/// What `onvm cleanup` has to know about a manager that died. Devices are found by their alias, NFs by their user IDs.
struct InstanceState: Codable, Equatable {
    var version = 1
    var managerPid: Int32
    var zygote: ProcessIdentity?
    /// Name of the network namespace, if it was entered by name.
    var netns: String?
    var topology: String
    var firstUserID: UInt32
    var slotCount: UInt32
    var ports: [String]
    var bpffsWasMounted: Bool
    var changedFeatures: [ChangedFeatures]
    var controlGroups: [ControlGroupPlan.Tree]?
}

/// A process ID and when the process started, so that a number used again is not mistaken for it.
struct ProcessIdentity: Codable, Equatable {
    var pid: Int32
    /// Clock ticks since boot (field 22 of proc_pid_stat(5)).
    var startTicks: UInt64

    init?(pid: Int32) {
        guard let ticks = Self.startTicks(of: pid) else { return nil }
        self.pid = pid
        startTicks = ticks
    }

    var isAlive: Bool { Self.startTicks(of: pid) == startTicks }

    /// Neither gone nor a zombie.
    static func isRunning(_ pid: Int32) -> Bool {
        guard let state = fields(of: pid)?.first else { return false }
        return state != "Z" && state != "X"
    }

    private static func startTicks(of pid: Int32) -> UInt64? {
        guard let fields = fields(of: pid), fields.count > 19 else { return nil }
        return UInt64(fields[19])
    }

    /// From the third on: the name in parentheses before it may hold anything.
    private static func fields(of pid: Int32) -> [Substring]? {
        guard let text = readProcFile("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}

/// A file of procfs, whose size is not known before.
func readProcFile(_ path: String) -> String? {
    guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = unsafe read(file.rawValue, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
}
