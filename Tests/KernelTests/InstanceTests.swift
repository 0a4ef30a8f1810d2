import BPF
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

@testable import Manager

/// What keeps managers of one host apart, by the kernel's own doing.
@Suite("instances", .serialized)
struct InstanceTests {
    init() throws { guard geteuid() == 0 else { throw Bench.NotRoot() } }

    @Test("a mark is seen as long as somebody has it")
    func mark() throws {
        let name = "onvm_t_\(getpid())"
        func count() throws -> Int { try HostMark.names().count { $0 == name } }
        #expect(try count() == 0)
        let first = FileDescriptorBox(try HostMark(name).release())
        var second: FileDescriptorBox? = FileDescriptorBox(try HostMark(name).release())
        #expect(try count() == 2)
        withExtendedLifetime(second) {}
        second = nil
        #expect(try count() == 1)
        withExtendedLifetime(first) {}
    }

    @Test("a mark is seen in other mount, network, PID and IPC namespaces")
    func markElsewhere() throws {
        let claim = try UserAllocator.host.allocate(for: "instance-\(getpid())")
        let list = try Shell.output("unshare --mount --net --pid --ipc --fork bpftool map show")
        #expect(list.contains(claim.users.mark))
        withExtendedLifetime(claim) {}
    }

    @Test("two that ask get users of their own; who lets go leaves them to others")
    func claims() throws {
        var first: UserAllocator.Claim? = try UserAllocator.host.allocate(for: "instance-\(getpid())")
        let second = try UserAllocator.host.allocate(for: "instance-\(getpid())")
        let users = first?.users
        #expect(users != second.users)
        withExtendedLifetime(first) {}
        first = nil
        #expect(try UserAllocator.host.allocate(for: "instance-\(getpid())").users == users)
    }

    @Test("users of a running process are taken")
    func processes() throws {
        let free = try UserAllocator.host.allocate(for: "instance-\(getpid())").users
        let process = try Shell.start("exec setpriv --reuid=\(free.first + 5) --clear-groups sleep 60")
        defer { process.end() }
        try process.waitUntil { ProcessTable.users(of: process.pid).contains(free.first + 5...free.first + 5) }
        #expect(try UserAllocator.host.allocate(for: "instance-\(getpid())").users != free)
    }

    @Test("the pins of a manager that lives are not taken for a dead one's")
    func pins() throws {
        let instance = "alive-\(getpid())"
        let steering = try Steering(instance: instance, limits: SteeringLimits(slots: 4, bindings: 16, flows: 16))
        #expect(try Steering.isInUse(instance: instance))
        #expect(throws: BPFError.self) { try Steering.removeLeftovers(instance: instance) }
        #expect(throws: AlreadyRunning.self) { try Leftovers.remove(instance: instance) }
        #expect(!FileManager.default.fileExists(atPath: "/run/onvm/\(instance)"), "nothing was made for it")
        #expect(!steering.pins.entries.isEmpty)
        try steering.tearDown()
        #expect(try !Steering.isInUse(instance: instance))
    }

    /// What a dead manager leaves: NFs in the session of a zygote that went with it. Beside them somebody else's
    /// processes, of the very same user.
    @Test("NFs without a manager are known by their zygote's session, not by their user")
    func orphans() throws {
        let users = try UserAllocator.host.allocate(for: "instance-\(getpid())").users
        func sleeper(_ id: UInt32) -> String { "setpriv --reuid=\(users.first + id) --clear-groups sleep 60" }
        let zygote = try Shell.start("\(sleeper(0)) & \(sleeper(1)) & exec sleep 60")
        let stranger = try Shell.start("\(sleeper(0)) & exec sleep 60")
        defer { for process in [zygote, stranger] { process.end() } }
        let identity = try #require(ProcessIdentity(pid: zygote.pid))
        let orphans = OrphanedFunctions(zygotes: [identity], users: users)
        try zygote.waitUntil { orphans.pids.count == 2 }
        func strangers() -> [Int32] {
            ProcessTable.pids.filter {
                ProcessTable.session(of: $0) == stranger.pid
                    && ProcessTable.users(of: $0).contains(users.first...users.first) && ProcessTable.isRunning($0)
            }
        }
        try stranger.waitUntil { strangers().count == 1 }
        #expect(orphans.zygotesInUse == [identity])
        #expect(identity.kill())
        zygote.reap()
        #expect(orphans.pids.count == 2, "they outlive it")
        #expect(orphans.zygotesInUse == [identity])
        #expect(orphans.end() == 2)
        #expect(orphans.pids.isEmpty && orphans.zygotesInUse.isEmpty)
        #expect(strangers().count == 1)
        // Whoever has the number of the zygote now is not it.
        let other = try JSONDecoder().decode(
            ProcessIdentity.self, from: Data("{\"pid\": \(stranger.pid), \"startTicks\": 1}".utf8))
        #expect(!other.kill() && ProcessTable.isRunning(stranger.pid))
        #expect(OrphanedFunctions(zygotes: [other], users: users).end() == 0 && strangers().count == 1)
    }

    @Test("events are taken a few at a time, in order")
    func events() throws {
        let bench = try Bench()
        try bench.define(.client)
        try bench.offer(0, 1, 2)
        for last in 2...4 { _ = try bench.steering.maps.steer.testRun(Client.syn(from: "10.0.0.\(last)").bytes) }
        var slots: [[UInt32]] = []
        for _ in 0..<3 {
            var turn: [UInt32] = []
            bench.steering.drainEvents(limit: 2) { event in
                if case .bound(let slot, _, _, _, _) = event { turn.append(slot) }
            }
            slots.append(turn)
        }
        #expect(slots == [[0, 1], [2], []])
    }
}

/// A shell command in a session of its own.
private final class Shell {
    let pid: pid_t
    private var isReaped = false

    private init(pid: pid_t) { self.pid = pid }

    static func start(_ command: String) throws -> Shell {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID (posix_spawn(3)) is behind _GNU_SOURCE.
        unsafe posix_spawnattr_setflags(&attributes, 0x80)
        var arguments = unsafe [strdup("sh"), strdup("-c"), strdup(command), nil]
        defer { for index in 0..<3 { unsafe free(arguments[index]) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawnp(&pid, "sh", nil, &attributes, &arguments, environ)
        guard result == 0 else { throw Errno(rawValue: result) }
        return Shell(pid: pid)
    }

    static func output(_ command: String) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    func waitUntil(_ condition: () -> Bool) throws {
        for _ in 0..<500 where !condition() { usleep(10_000) }
        try #require(condition())
    }

    func reap() {
        guard !isReaped else { return }
        isReaped = true
        var status: CInt = 0
        unsafe waitpid(pid, &status, 0)
    }

    func end() {
        guard !isReaped else { return }
        kill(-pid, SIGKILL)
        reap()
    }
}
