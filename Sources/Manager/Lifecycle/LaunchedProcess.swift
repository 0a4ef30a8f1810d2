import CLinux
import Glibc
import Handover
import Linux
import XSK

/// One NF process with the socket, memory and channel that were made for it.
final class LaunchedProcess: NetworkFunctionProcess {
    let userID: UInt32
    private let slot: UInt32
    private let service: Topology.Service
    private let groups: DomainGroups?
    private let xsk: XSKSocket
    private let channel: NFChannel
    private let telemetry: Telemetry
    private let logs: ProcessLogs
    private let multiBuffer: Bool
    /// Set when the zygote reports the fork.
    private(set) var pid: pid_t = 0
    private(set) var pidfd: CInt = -1
    private let loop: EventLoop
    /// Tells the launcher to let go of this object, which frees what it owns, and to close this duplicate of the socket
    /// afterwards.
    var onClose: (CInt) -> Void = { _ in }

    init(
        slot: UInt32, service: Topology.Service, groups: DomainGroups?, userID: UInt32, xsk: consuming XSKSocket,
        channel: consuming NFChannel, telemetry: consuming Telemetry, logs: ProcessLogs, multiBuffer: Bool, loop: EventLoop
    ) {
        self.slot = slot
        self.service = service
        self.groups = groups
        self.userID = userID
        self.xsk = xsk
        self.channel = channel
        self.telemetry = telemetry
        self.logs = logs
        self.multiBuffer = multiBuffer
        self.loop = loop
    }

    deinit { releaseDescriptors() }

    var socket: CInt { xsk.descriptor.rawValue }
    var channelDescriptor: CInt { channel.socket.descriptor.rawValue }

    func adopt(pid: pid_t, pidfd: CInt) {
        self.pid = pid
        self.pidfd = pidfd
    }

    func bind(interfaceIndex: UInt32) throws(XSKError) {
        try xsk.bind(interfaceIndex: interfaceIndex, multiBuffer: multiBuffer)
    }

    func run() throws { try channel.send(.run) }

    func drain() {
        // One that cannot be told is ended when the time for draining is over.
        try? channel.send(.drain)
    }

    func kill() {
        guard pidfd >= 0 else { return }
        _ = CLinux_pidfd_send_signal(pidfd, SIGKILL)
    }

    var processorNanoseconds: UInt64? {
        guard pid > 0 else { return nil }
        var time = timespec()
        // The clock of another process (clock_getcpuclockid(3), without its extra system call).
        guard unsafe clock_gettime(~pid << 3 | 2, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Field 2 of /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst).
    var waitedNanoseconds: UInt64 {
        let fields = readProcFile("/proc/\(pid)/schedstat")?.split(separator: " ") ?? []
        return fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0
    }

    func setWeight(isLowered: Bool) throws {
        let full = service.resources.cpuWeight
        let weight = isLowered ? max(1, full / ProcessorWatch.divisor) : full
        guard try groups?.setWeight(slot: slot, to: weight) != true, pidfd >= 0 else { return }
        // An NF in no group is one thread whose nice value is its weight.
        let part = isLowered ? Double(full) / Double(ProcessorWatch.divisor) : Double(full)
        let niceness = Topology.Resources.niceness(ofWeight: part)
        // Needs CAP_SYS_NICE, as NFs are other users.
        try Errno.check(setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), niceness))
    }

    var wasKilledForMemory: Bool { groups?.hasNewMemoryKill(slot: slot) ?? false }

    func nextReport() throws(HandoverError) -> NFReport? { try channel.nextReport() }

    func read(_ field: TelemetryField) -> UInt64 { telemetry[field] }
    func readCounter(_ position: Int) -> UInt64 { telemetry.counter(position) }
    func readDrop(_ position: Int) -> UInt64 { telemetry.drop(position) }

    func requestConnections() {
        telemetry.requestConnections()
        // One that does not read its channel is awake, or beyond help.
        try? channel.send(.look)
    }

    var connections: ConnectionSnapshot { telemetry.connections }

    /// The socket, memory and channel go with this object.
    func close() {
        releaseDescriptors()
        logs.ended(dropped: telemetry[.logLinesDropped])
        onClose(fcntl(socket, F_DUPFD_CLOEXEC, 3))
    }

    private func releaseDescriptors() {
        loop.forget(channelDescriptor)
        guard pidfd >= 0 else { return }
        loop.forget(pidfd)
        _ = Glibc.close(pidfd)
        pidfd = -1
    }
}
