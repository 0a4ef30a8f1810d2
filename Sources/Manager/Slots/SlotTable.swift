import ControlAPI
import Linux
import Logging

/// Every slot of a manager and the rules by which NFs are made, given to clients, watched and replaced.
///
/// Nothing here waits: events come in, `advance` does a bounded amount of work, and says when it wants to run again.
/// A wave of deaths is handled in two passes. Events unbind each dead slot at once, which frees its client for another
/// NF; only then does `advance` rebuild them, a few a turn.
final class SlotTable {
    let steering: any SlotSteering
    let launcher: any NetworkFunctionLauncher
    let devices: any SlotDeviceMaker
    let log: Logger
    private(set) var slots: [Slot] = []
    var pools: [ServicePool] = []
    var slotOfToken: [UInt64: UInt32] = [:]
    private var lastToken: UInt64 = 0
    /// Slots by what `advance` has to do with them.
    var dead: [UInt32] = []
    var binding: Set<UInt32> = []
    var starting: Set<UInt32> = []
    var watched: Set<UInt32> = []
    var nextWatch = MonotonicTime.zero
    var nextReconciliation = MonotonicTime.zero
    /// Slots whose NF lately sent what it may not.
    var violating: Set<UInt32> = []
    var nextViolationLook = MonotonicTime.zero
    var nextGateLook = MonotonicTime.zero
    private(set) var isDraining = false
    /// Processes whose end is known and whose way of ending is not yet, by process ID.
    var obituaries: [Int32: Obituary] = [:]
    var crashes = CrashHistory()

    enum Limit {
        /// Slots started, rebuilt or made in one turn of the manager's loop: some 10 ms of work.
        static let slotsPerTurn = 8
        /// Processes asked for and not ready yet, at a time.
        static let startsInFlight = 64
        static let startMilliseconds = 5_000
        static let bindMilliseconds = 2_000
        static let bindRetryMilliseconds = 3
        static let halfOpenMilliseconds = 5_000
        /// More than an NF's stack takes to find out that a peer is gone: a minute of silence, then six probes ten seconds
        /// apart (`Configuration.keepaliveIdle` of TCPStack). Nobody who has a connection is silent for so long.
        static let silenceMilliseconds = 130_000
        static let watchMilliseconds = 200
        static let connectionWatchMilliseconds = 50
        static let reconciliationMilliseconds = 1_000
        static let overflowNoteMilliseconds = 1_000
        static let violationLookMilliseconds = 500
        static let gateLookMilliseconds = 250
        static let gateSources = 5
        static let obituaries = 1_000
    }

    init(
        services: [Topology.Service], steering: any SlotSteering, launcher: any NetworkFunctionLauncher,
        devices: any SlotDeviceMaker, log: Logger
    ) {
        self.steering = steering
        self.launcher = launcher
        self.devices = devices
        self.log = log
        for (index, service) in services.enumerated() {
            let pool = ServicePool(service: service, firstSlot: UInt32(slots.count))
            slots += pool.slots.map { Slot(id: $0, service: index) }
            pools.append(pool)
        }
    }

    // MARK: Access

    subscript(id: UInt32) -> Slot {
        get { slots[Int(id)] }
        set { slots[Int(id)] = newValue }
    }

    func slot(of token: UInt64) -> UInt32? { slotOfToken[token] }
    func pool(of id: UInt32) -> ServicePool { pools[self[id].service] }
    /// How log lines call it.
    func name(_ id: UInt32) -> String { "\(pool(of: id).service.name)/\(id)" }

    func newToken() -> UInt64 {
        lastToken += 1
        return lastToken
    }

    /// The only way a slot changes state.
    func transition(_ id: UInt32, to state: Slot.State, at now: MonotonicTime) {
        let slot = self[id]
        pools[slot.service].move(slot.state, state)
        self[id].enter(state, at: now)
        update(&starting, id, state == .starting || state == .handingOver)
        update(&binding, id, state == .binding)
        update(&watched, id, state == .bound || state == .draining)
        if state == .spare { pools[slot.service].spare.append(id) }
        if pools[slot.service].service.overflow == .share { pools[slot.service].shareTableIsStale = true }
    }

    private func update(_ set: inout Set<UInt32>, _ id: UInt32, _ isMember: Bool) {
        if isMember { set.insert(id) } else { set.remove(id) }
    }

    // MARK: Time

    /// Does what is due, at most a few slots of it.
    /// - Returns: When to call again; nil when only an event can change anything.
    func advance(at now: MonotonicTime) -> MonotonicTime? {
        bindWaitingSlots(at: now)
        endLateStarts(at: now)
        watchSlots(at: now)
        watchViolations(at: now)
        rebuildDeadSlots(at: now)
        watchGates(at: now)
        if !isDraining { refill(at: now) }
        writeShareTables()
        tellWhoIsFull(at: now)
        return nextDeadline(at: now)
    }

    private func nextDeadline(at now: MonotonicTime) -> MonotonicTime? {
        var deadlines: [MonotonicTime] = []
        if dead.contains(where: { self[$0].hasEnded && !isHeld($0, at: now) }) { return now }
        deadlines += dead.compactMap { self[$0].hasEnded ? self[$0].heldUntil : nil }
        deadlines += binding.compactMap { self[$0].bindAt }
        deadlines += starting.map { self[$0].since + .milliseconds(Limit.startMilliseconds) }
        if !watched.isEmpty { deadlines.append(nextWatch) }
        if !violating.isEmpty { deadlines.append(nextViolationLook) }
        if pools.contains(where: { $0.count(.idle) > 0 }) { deadlines.append(nextReconciliation) }
        if pools.contains(where: \.gate.needsLook) { deadlines.append(nextGateLook) }
        if !isDraining, launcher.isAvailable, starting.count < Limit.startsInFlight {
            deadlines += pools.filter { $0.shortage > 0 }.map { max($0.retryAt, now) }
        }
        return deadlines.min()
    }

    func stopRefilling() { isDraining = true }

    private func writeShareTables() {
        for index in pools.indices where pools[index].shareTableIsStale {
            pools[index].shareTableIsStale = false
            let members = isDraining ? [] : pools[index].slots.filter { self[$0].isOffered }
            do {
                try steering.setShareTable(service: pools[index].service.id, slots: members)
            } catch {
                log.error("\(pools[index].service.name): cannot change who shares overflow clients: \(error)")
            }
        }
    }
}
