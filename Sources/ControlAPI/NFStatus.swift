/// One network function: a slot and the process that has it.
public struct NFStatus: Codable, Equatable, Sendable {
    public var slot: UInt32
    public var service: String
    public var state: State
    /// Nil while the slot has no process.
    public var pid: Int32?
    public var uid: UInt32
    /// Whom it serves; nil unless a client has it.
    public var client: String?
    /// Connections it holds now.
    public var connections: UInt64 = 0
    /// Connections whose handshake completed, and those that ended, since the process started.
    public var accepted: UInt64 = 0
    public var closed: UInt64 = 0
    public var requests: UInt64 = 0
    public var rxPackets: UInt64 = 0
    public var txPackets: UInt64 = 0
    public var rxBytes: UInt64 = 0
    public var txBytes: UInt64 = 0
    /// Frames it lost, by cause.
    public var drops: [String: UInt64] = [:]
    /// Everything else in its telemetry page.
    public var telemetry: [String: UInt64] = [:]
    /// What its TCP stack counted: the events of the RFCs, and drops by cause.
    public var tcp: [String: UInt64] = [:]
    public var tcpDrops: [String: UInt64] = [:]
    /// Every counter that the eBPF programs keep for the slot.
    public var counters: [String: UInt64] = [:]
    /// When its process started, in seconds since the epoch.
    public var started: Double?
    /// How many processes the slot has had before this one.
    public var restarts: UInt64 = 0

    public init(slot: UInt32, service: String, state: State, uid: UInt32) {
        self.slot = slot
        self.service = service
        self.state = state
        self.uid = uid
    }

    public enum State: String, Codable, CaseIterable, Sendable {
        /// The veth pair is being made.
        case creating
        /// The zygote was asked for a process.
        case starting
        /// The process maps its memory and enters its sandbox.
        case handingOver = "handing_over"
        /// Its socket is bound to the slot's device.
        case binding
        /// Ready for a client.
        case idle
        /// A client has it.
        case bound
        /// It finishes what it has and takes nothing new.
        case draining
        /// It was told to end, or ended; nothing reaches it.
        case dead
        /// Waits before the next attempt, after failures.
        case waiting
        /// No process: the service has enough NFs.
        case spare
    }
}
