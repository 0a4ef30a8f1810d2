import ControlAPI
import Linux

/// The kernel side of one NF and the process that has it now.
struct Slot {
    typealias State = NFStatus.State

    let id: UInt32
    /// Index of its service in the table.
    let service: Int
    private(set) var state = State.spare
    /// When the state was entered.
    private(set) var since = MonotonicTime.zero
    /// Made once, for all processes that will have the slot.
    var device: SlotDevice?
    /// The process and the number that its events carry; nil and 0 without one.
    var process: (any NetworkFunctionProcess)?
    var token: UInt64 = 0
    var pid: Int32?
    /// Whether the socket is in the eBPF maps.
    var isAdmitted = false
    /// Whether the kernel may hand it to clients, or has.
    var isOffered = false
    /// When to try again to bind the socket.
    var bindAt: MonotonicTime?
    var client: IPAddress?
    /// The client finished a handshake, so its address is real.
    var isConfirmed = false
    /// Since when its client has had no connection.
    var quietSince: MonotonicTime?
    var hang = HangWatch()
    var violations = ViolationWatch()
    var processor = ProcessorWatch()
    /// Why the process was ended; nil while it lives, and when it ended by itself.
    var endCause: EndCause?
    var hasEnded = false
    /// Dead, and its client has no other NF before that; see `SlotTable.letGo`.
    var heldUntil: MonotonicTime?
    var launches: UInt64 = 0
    var startedAt: WallTime?

    init(id: UInt32, service: Int) {
        self.id = id
        self.service = service
    }

    /// Only `SlotTable.transition` calls this: it keeps the counts.
    mutating func enter(_ state: State, at now: MonotonicTime) {
        self.state = state
        since = now
    }
}

/// Why an NF process ended.
enum EndCause: String, CaseIterable {
    /// By itself, or by a signal that was not ours.
    case crashed
    /// By `onvm nf kill`.
    case killed
    /// Its loop stood still.
    case hung
    /// The one connection it was for ended.
    case finished
    /// Its client had no connection for the service's `idle_timeout`.
    case idleTimeout = "idle_timeout"
    /// The client did not finish its handshake.
    case halfOpen = "half_open"
    /// It said that it cannot start.
    case startFailed = "start_failed"
    /// It ran, and said that it cannot go on.
    case failed
    /// It said to the manager, or kept sending, what no NF may: it was taken over, or is broken.
    case violation
    case startTimedOut = "start_timed_out"
    case bindFailed = "bind_failed"
    /// Somebody removed the slot's network devices.
    case deviceLost = "device_lost"
    /// It needed more memory than it may have.
    case outOfMemory = "out_of_memory"
    /// Stopping the manager.
    case stopped

    /// A failure of the service or the host, not of one client's NF: the next attempt waits.
    var delaysNextStart: Bool {
        switch self {
        case .startFailed, .startTimedOut, .bindFailed: true
        default: false
        }
    }

    /// What an NF brings about by itself. One that no client has reached yet is as its program made it, and so will be
    /// the next.
    var isOwnDoing: Bool {
        switch self {
        case .crashed, .failed, .violation, .outOfMemory: true
        default: false
        }
    }
}
