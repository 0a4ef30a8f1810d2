import ControlAPI

/// The slots of one service: how many are in which state, and when the next may be started.
struct ServicePool {
    let service: Topology.Service
    /// Slot IDs, dense within the manager.
    let slots: Range<UInt32>
    /// Slots without a process; the last is taken next, so that devices already made are used first.
    var spare: [UInt32]
    private(set) var counts: [NFStatus.State: Int] = [:]
    private(set) var ended: [EndCause: UInt64] = [:]
    /// How often a client had to wait for another NF after crashes; see `CrashHistory`.
    var clientPauses: UInt64 = 0
    /// The table of slots that share overflow clients must be written again.
    var shareTableIsStale = false
    var nextOverflowNote = MonotonicTime.zero
    var gate = GateWatch()
    private var failures = 0
    private var lastFailure = MonotonicTime.zero
    private(set) var retryAt = MonotonicTime.zero
    /// The last NF did not get as far as waiting for a client.
    private var isFailing = false

    init(service: Topology.Service, firstSlot: UInt32) {
        self.service = service
        slots = firstSlot..<firstSlot + UInt32(service.slotCount)
        spare = slots.reversed()
        counts[.spare] = slots.count
    }

    /// Nobody has an NF of the service to himself.
    var isShared: Bool { service.isolation == .none }

    func count(_ states: NFStatus.State...) -> Int { states.reduce(0) { $0 + (counts[$1] ?? 0) } }

    /// NFs on their way to `idle`.
    var starting: Int { count(.creating, .starting, .handingOver, .binding) }

    /// How many more NFs should be on their way.
    var shortage: Int {
        let ready = isShared ? count(.bound, .idle) : count(.idle)
        // While starts fail one at a time tells whether they still do.
        let wanted = service.idleTarget + (isShared ? 0 : gate.waiting)
        let target = isFailing ? min(1, wanted - ready) : wanted - ready
        return max(0, min(target - starting, spare.count))
    }

    /// Whether no NF can become idle before a client leaves, or for want of luck with starting them.
    func isFull(at now: MonotonicTime) -> Bool {
        let canStart = !spare.isEmpty && retryAt <= now + .milliseconds(Self.longPauseMilliseconds)
        return !canStart && starting == 0 && count(.idle, .dead) == 0
    }

    mutating func noteReady() { isFailing = false }

    mutating func move(_ from: NFStatus.State, _ to: NFStatus.State) {
        counts[from, default: 0] -= 1
        counts[to, default: 0] += 1
    }

    mutating func countEnd(_ cause: EndCause) { ended[cause, default: 0] += 1 }

    static let failureMemoryMilliseconds = 60_000
    static let longestDelayMilliseconds = 30_000
    static let oneFailureMilliseconds = 50
    /// Clients do not wait for a start that is further away.
    static let longPauseMilliseconds = 1_000

    /// Doubles the pause before the next start, from none. Failures that come together count as one.
    /// - Returns: The pause, in milliseconds.
    mutating func backOff(at now: MonotonicTime) -> Int {
        isFailing = true
        if failures > 0, now - lastFailure < .milliseconds(Self.oneFailureMilliseconds) {
            return Int((retryAt - now).nanoseconds / 1_000_000)
        }
        failures = now - lastFailure > .milliseconds(Self.failureMemoryMilliseconds) ? 1 : failures + 1
        lastFailure = now
        let pause = failures == 1 ? 0 : min(Self.longestDelayMilliseconds, 100 << min(failures - 2, 10))
        retryAt = now + .milliseconds(pause)
        return pause
    }
}
