import ControlAPI
import Dispatch
import Glibc
import Handover
import Linux
import Logging
import XSK

/// What all NFs of an instance are made with.
struct LaunchSettings {
    /// The first user ID of the instance; a slot's is this plus its number.
    var firstUserID: UInt32
    /// Of the ports; slots carry the same frames.
    var mtu: UInt32
    /// Probed on this host.
    var features: Grant.Features
}

/// Starts NF processes through the zygote, and the zygote itself whenever it is not there.
final class ZygoteLauncher: NetworkFunctionLauncher {
    private let executable: String
    private let settings: LaunchSettings
    private let logs: LogSinks
    private let loop: EventLoop
    private let log: Logger
    /// Told what becomes of processes; set once, before the first launch.
    unowned var slots: SlotTable!
    var onZygoteStart: (pid_t) -> Void = { _ in }
    /// What NFs are put into; nil: they have resource limits only.
    var groups: DomainGroups?
    private(set) var zygote: ZygoteProcess?
    private var roots: [UInt8: FileDescriptorBox] = [:]
    private var processes: [UInt64: LaunchedProcess] = [:]
    private var nextCore: [UInt8: Int] = [:]
    private var releasedSockets: [CInt] = []
    private let closing = DispatchQueue(label: "onvm.close")
    private(set) var retryAt: MonotonicTime?
    private var failures = 0
    private var startedAt = MonotonicTime.zero
    private var isStopping = false

    private enum Limit {
        static let zygoteReportsPerTurn = 64
    }

    init(executable: String, settings: LaunchSettings, logs: LogSinks, loop: EventLoop, log: Logger) {
        self.executable = executable
        self.settings = settings
        self.logs = logs
        self.loop = loop
        self.log = log
    }

    var isAvailable: Bool { zygote != nil }

    /// Opens what NFs of the service are handed; later changes of the paths change nothing.
    func open(filesOf service: Topology.Service) throws {
        if let root = service.root {
            do {
                let directory = try FileDescriptor(opening: root, flags: O_PATH_ | O_DIRECTORY)
                // Not the host's tree itself: ".." would lead out of it.
                roots[service.id] = FileDescriptorBox(try FileDescriptor(detachedTreeOf: directory))
            } catch {
                throw LaunchError("service \(service.name): root \(root): \(error)")
            }
        }
        try logs.open(service)
    }

    // MARK: The zygote

    func startZygote() throws {
        retryAt = nil
        let zygote = try ZygoteProcess(executable: executable)
        try loop.watch(zygote.client.socket.descriptor.rawValue) { [unowned self] _ in readZygote() }
        self.zygote = zygote
        startedAt = .now
        onZygoteStart(zygote.pid)
        log.debug("zygote started", metadata: ["pid": "\(zygote.pid)", "executable": "\(executable)"])
    }

    /// Tries again to start a zygote that ended; call it when `retryAt` has come.
    func restartZygote(at now: MonotonicTime) {
        guard zygote == nil, !isStopping, let retryAt, retryAt <= now else { return }
        do {
            try startZygote()
            log.notice("zygote restarted", metadata: ["pid": "\(zygote?.pid ?? 0)"])
        } catch {
            failures += 1
            self.retryAt = now + .milliseconds(min(30_000, 100 << min(failures, 10)))
            log.error("\(error)")
        }
    }

    /// Ends the zygote; NFs that still run are not its concern.
    func stopZygote() {
        isStopping = true
        guard let zygote else { return }
        loop.forget(zygote.client.socket.descriptor.rawValue)
        zygote.kill()
        _ = zygote.reap(waits: true)
        self.zygote = nil
    }

    private func readZygote() {
        guard let zygote else { return }
        do {
            // The first error ends it; until then every report is in order. The rest is for the next turn.
            for _ in 0..<Limit.zygoteReportsPerTurn {
                guard let report = try zygote.client.nextReport() else { return }
                handle(report)
            }
        } catch {
            zygoteEnded(zygote, error)
        }
    }

    private func zygoteEnded(_ zygote: ZygoteProcess, _ error: HandoverError) {
        loop.forget(zygote.client.socket.descriptor.rawValue)
        zygote.kill()
        let status = zygote.reap(waits: true)
        self.zygote = nil
        guard !isStopping else { return }
        let now = MonotonicTime.now
        failures = now - startedAt < .milliseconds(10_000) ? failures + 1 : 1
        retryAt = now + .milliseconds(failures == 1 ? 0 : min(30_000, 100 << min(failures, 10)))
        let how = error == .peerGone ? status.map(describe(waitStatus:)) ?? "ended" : "\(error)"
        log.error("zygote ended: \(how); running NFs go on", metadata: ["pid": "\(zygote.pid)"])
        processes = processes.filter { $0.value.pidfd >= 0 }
        slots.zygoteEnded(at: now)
    }

    private func handle(_ report: ZygoteReport) {
        switch report {
        case .spawned(let token, let pid, let pidfd):
            guard let process = processes[token] else {
                _ = close(pidfd)
                return
            }
            process.adopt(pid: pid, pidfd: pidfd)
            do {
                try loop.watch(pidfd) { [unowned self] _ in processEnded(token) }
            } catch {
                log.error("cannot watch process \(pid): \(error)")
            }
            slots.processSpawned(token: token, pid: pid, at: .now)
        case .exited(let pid, let status):
            // Its last words may still wait in its channel.
            if let token = processes.first(where: { $0.value.pid == pid })?.key { readProcess(token) }
            slots.processReaped(pid: pid, how: describe(waitStatus: status), at: .now)
        case .spawnFailed(let token, let errno):
            processes[token] = nil
            slots.spawnFailed(token: token, errno: Errno(rawValue: errno), at: .now)
        }
    }

    // MARK: Processes

    func launch(
        slot: UInt32, token: UInt64, service: Topology.Service, tap: SlotTap?
    ) throws -> any NetworkFunctionProcess {
        guard let zygote else { throw LaunchError("the zygote is being restarted") }
        let multiBuffer = settings.features.contains(.multiBuffer)
        let wanted = UMEMLayout.fitting(
            mtu: settings.mtu, frames: UInt32(service.umem.frameCount), multiBuffer: multiBuffer,
            transmitMetadata: settings.features.contains(.checksumOffload), transmits: tap == nil)
        guard let wanted else {
            throw LaunchError(
                "MTU \(settings.mtu) needs XDP_USE_SG (Linux 6.6); without it \(LargestMTU.singleBuffer) at most"
            )
        }
        let memory = try SharedMemory.create(name: "onvm-umem", byteCount: wanted.byteCount)
        let xsk = try XSKSocket(layout: wanted, memory: memory)
        let page = try Telemetry.createMemory()
        let telemetry = try Telemetry(mapping: page)
        let pair = try SequencedSocket.pair()
        let channel = NFChannel(pair.first)
        let pipes = try logs.pipes(of: service, slot: slot)

        let grant = Grant(
            function: service.networkFunction, service: service.name, slot: slot, layout: xsk.layout, mtu: settings.mtu,
            features: settings.features, configuration: service.configurationLines)
        // The NF reads it once it runs; until then it waits in the channel.
        try channel.grant(
            grant,
            descriptors: GrantDescriptors(
                xsk: xsk.descriptor.rawValue, umem: memory.rawValue, telemetry: page.rawValue,
                root: roots[service.id]?.rawValue ?? -1, log: pipes.accessDescriptor,
                tap: tap?.descriptor.rawValue ?? -1, errors: pipes.errorsDescriptor))
        pipes.closeWriteEnds()
        let userID = settings.firstUserID + slot
        let groups = try groups?.entry(slot: slot, service: service)
        try zygote.client.spawn(
            SpawnRequest(
                token: token, userID: userID, cpu: core(for: service), niceness: niceness(of: service),
                hasUnifiedGroup: groups?.hasUnified ?? false),
            channel: pair.second, groups: groups?.descriptors ?? [])

        let process = LaunchedProcess(
            slot: slot, service: service, groups: self.groups, userID: userID, xsk: xsk, channel: channel,
            telemetry: telemetry, logs: pipes, multiBuffer: multiBuffer, loop: loop)
        try loop.watch(process.channelDescriptor) { [unowned self] _ in readProcess(token) }
        process.onClose = { [unowned self] socket in
            processes[token] = nil
            if socket >= 0 { releasedSockets.append(socket) }
        }
        processes[token] = process
        return process
    }

    /// Closes the sockets of processes that have gone, on another thread: the last close of a bound AF_XDP socket waits
    /// for an RCU grace period, 10 ms and more on a busy host (xsk_release in net/xdp/xsk.c), and while the manager
    /// waits another NF may die and its clients send into the void. Call it once those processes' objects are gone.
    func closeReleasedSockets() {
        guard !releasedSockets.isEmpty else { return }
        let sockets = releasedSockets
        releasedSockets = []
        closing.async { for socket in sockets { _ = close(socket) } }
    }

    private func core(for service: Topology.Service) -> Int32 {
        guard !service.cores.isEmpty else { return -1 }
        let turn = nextCore[service.id, default: 0]
        nextCore[service.id] = turn + 1
        return Int32(service.cores[turn % service.cores.count])
    }

    /// Where there is no CPU controller it is an NF's weight.
    private func niceness(of service: Topology.Service) -> Int32 {
        groups?.controllers.contains("cpu") == true ? 0 : service.resources.niceness
    }

    private func readProcess(_ token: UInt64) {
        guard let process = processes[token] else { return }
        do {
            // Each report but one that is in order is the last: an NF cannot hold us here, however fast it writes.
            while slots.isHeard(token: token) {
                guard let report = try process.nextReport() else { return }
                switch report {
                case .ready: slots.processReady(token: token, at: .now)
                case .failed(let reason): slots.processFailed(token: token, reason: reason.printable(), at: .now)
                }
            }
        } catch .peerGone {
            // Its end comes by the pidfd; a channel at its end would wake the loop for ever.
        } catch {
            slots.processBabbled(token: token, problem: "\(error)", at: .now)
        }
        loop.forget(process.channelDescriptor)
    }

    private func processEnded(_ token: UInt64) {
        readProcess(token)
        guard let process = processes.removeValue(forKey: token) else { return }
        loop.forget(process.pidfd)
        slots.processEnded(token: token, at: .now)
    }
}

struct LaunchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A descriptor that can be kept in a collection.
final class FileDescriptorBox {
    private let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    var rawValue: CInt { descriptor.rawValue }
}

/// O_PATH is behind _GNU_SOURCE (open(2)).
private let O_PATH_: CInt = 0o10_000_000
