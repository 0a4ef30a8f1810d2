import CLinux
import ControlAPI
import Foundation
import Handover
import Linux
public import Logging

/// One manager at work: from a topology to NFs that serve, and back to the host as it was.
///
/// It touches no packet. One thread waits in `EventLoop` and handles what became ready, one thing after the other;
/// another only closes sockets.
public final class RunningInstance {
    public struct Options: Sendable {
        public var topology: Topology
        /// For messages and status.
        public var topologyPath: String
        /// The name of the network namespace the thread was moved to, if any.
        public var netns: String?
        /// How long clients may finish what they do when the manager stops.
        public var drainMilliseconds = 5_000
        /// The program NFs run in; nil: `onvm-nf` beside this program.
        public var zygoteExecutable: String?

        public init(topology: Topology, topologyPath: String) {
            self.topology = topology
            self.topologyPath = topologyPath
        }
    }

    let options: Options
    let log: Logger
    let directory: InstanceDirectory
    let loop: EventLoop
    let hostPorts: HostPorts
    let lock: FileDescriptorBox
    private let mark: FileDescriptorBox
    let startedAt = MonotonicTime.now
    var state: InstanceState
    // What has been made so far; nil until its turn in `start`.
    var ports: [HostPort] = []
    var steering: Steering?
    var slots: SlotTable!
    var launcher: ZygoteLauncher?
    var logs: LogSinks?
    var groups: DomainGroups?
    var linkMonitor: NetlinkLinkMonitor?
    var server: ControlServer?
    private let signals: StopSignals
    private var stopRequests = 0
    private var drainDeadline: MonotonicTime?

    /// Checks privileges and takes the instance's lock; nothing else on the host is changed.
    public init(_ options: Options, signals: StopSignals, log: Logger) throws {
        self.options = options
        self.signals = signals
        self.log = log
        try Capability.requireAll()
        let instance = options.topology.instance
        directory = try InstanceDirectory(instance: instance)
        loop = try EventLoop()
        hostPorts = try HostPorts()
        lock = try directory.lock()
        do {
            mark = try InstanceMark.take(instance)
        } catch {
            directory.abandon(holding: lock)
            throw error
        }
        state = InstanceState(
            managerPid: getpid(), netns: options.netns, topology: options.topologyPath, ports: [],
            bpffsWasMounted: BPFFileSystem.isMounted, changedFeatures: [])
    }

    /// Serves until it is told to stop by SIGTERM or SIGINT. The host is restored however it ends.
    public func run() throws {
        defer { restore() }
        try start()
        log.notice(
            "instance \(options.topology.instance) runs: \(summary)", metadata: ["pid": "\(getpid())"])
        while !isFinished { try turn() }
    }

    private func turn() throws {
        let now = MonotonicTime.now
        launcher?.restartZygote(at: now)
        let next = slots.advance(at: now)
        launcher?.closeReleasedSockets()
        server?.dropIdle(at: now)
        let logsDeadline = logs?.advance(at: now)
        if let drainDeadline, now >= drainDeadline { slots.endAll(at: now) }
        guard !isFinished else { return }
        try loop.run(
            until: [next, launcher?.retryAt, logsDeadline, drainDeadline.map { max($0, now + .milliseconds(20)) }].compactMap { $0 }
                .min())
    }

    /// Stopping, and every NF is gone, or will not go by itself (`restore` has the last word then).
    private var isFinished: Bool {
        guard let drainDeadline else { return false }
        return slots.processCount == 0 || MonotonicTime.now >= drainDeadline + .milliseconds(1_000)
    }

    // MARK: Stopping

    /// The first request drains, the next one ends at once.
    func stop(reason: String) {
        stopRequests += 1
        let now = MonotonicTime.now
        guard stopRequests == 1 else {
            log.notice("\(reason): ending now")
            drainDeadline = now
            return
        }
        drainDeadline = now + .milliseconds(options.drainMilliseconds)
        slots.drain(at: now)
        let serving = slots.pools.reduce(0) { $0 + $1.count(.draining) }
        log.notice(
            "\(reason): \(serving) NFs have clients, which may finish within \(options.drainMilliseconds) ms"
        )
    }

    var isDraining: Bool { drainDeadline != nil }

    func watchSignals() throws {
        try loop.watch(signals.descriptor.rawValue) { [unowned self] _ in
            for name in signals.pending() {
                // As every server does for logrotate(8). A terminal that goes away sends it too: the manager goes on.
                if name == "SIGHUP" { reopenLogs() } else { stop(reason: name) }
            }
        }
    }

    private func reopenLogs() {
        log.notice("SIGHUP: access logs are opened again")
        logs?.reopen()
    }

    private var summary: String {
        let names = options.topology.services.map { "\($0.name) (\($0.isolation.rawValue))" }.joined(separator: ", ")
        let devices = ports.map { "\($0.link.name) (\($0.mode?.rawValue ?? "?"))" }.joined(separator: ", ")
        return "\(names) on \(devices)"
    }
}
