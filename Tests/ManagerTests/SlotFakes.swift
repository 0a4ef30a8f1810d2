import Handover
import Linux
import Logging
import XSK

@testable import Manager

/// Remembers what was asked of it, in one sequence with the launcher and the devices.
final class Journal {
    private(set) var entries: [String] = []
    func note(_ entry: String) { entries.append(entry) }
    func take() -> [String] {
        defer { entries = [] }
        return entries
    }
}

final class FakeSteering: SlotSteering {
    let journal: Journal
    var bindings: [UInt32: SlotBinding] = [:]
    var idle: [UInt8: Int] = [:]
    var delivered: [UInt32: UInt64] = [:]
    var shareTables: [UInt8: [UInt32]] = [:]
    var failsAdmit = false
    var failsPolice = false
    var violations: [UInt32: UInt64] = [:]
    var frames: [UInt32: UInt64] = [:]
    private(set) var admitted: [UInt32: SlotAttachment] = [:]
    var full: [UInt8: Bool] = [:]
    var gates: [UInt8: GateState] = [:]
    var drift: (idle: Int64, halfOpen: Int64) = (0, 0)

    init(_ journal: Journal) { self.journal = journal }

    func police(_ slot: SlotAttachment) throws {
        if failsPolice { throw HostError("no program") }
        journal.note("police \(slot.slot)")
    }
    func admit(_ slot: SlotAttachment) throws {
        admitted[slot.slot] = slot
        if failsAdmit { throw HostError("no room in the map") }
        journal.note("admit \(slot.slot)")
    }
    func offer(slot: UInt32, service: UInt8) throws {
        journal.note("offer \(slot)")
        idle[service, default: 0] += 1
    }
    func unbind(slot: UInt32) throws {
        journal.note("unbind \(slot)")
        bindings[slot] = nil
    }
    func retire(slot: UInt32) throws { journal.note("retire \(slot)") }
    func setShareTable(service: UInt8, slots: [UInt32]) throws { shareTables[service] = slots }
    func removeGuests(of service: UInt8, unseenFor nanoseconds: UInt64, at now: UInt64) {}
    func binding(of slot: UInt32) -> SlotBinding? { bindings[slot] }
    func idleCount(service: UInt8) -> Int { idle[service] ?? 0 }
    func setFull(_ isFull: Bool, service: UInt8) { full[service] = isFull }
    func gate(service: UInt8, at now: MonotonicTime) -> GateState? { gates[service] }
    func gateSources(service: UInt8, limit: Int) -> [(prefix: String, count: UInt64)] { [("10.0.0.0/24", 7)] }
    func forgetGateSources(service: UInt8) {}
    func forgetWaitingClients(service: UInt8, at now: MonotonicTime) {}
    func gateDrift(service: UInt8) -> (idle: Int64, halfOpen: Int64) { drift }
    func correctGate(service: UInt8, _ drift: (idle: Int64, halfOpen: Int64)) {
        journal.note("correct \(drift.idle) \(drift.halfOpen)")
        self.drift = (self.drift.idle - drift.idle, self.drift.halfOpen - drift.halfOpen)
    }
    func deliveredFrameCount(slot: UInt32) -> UInt64? { delivered[slot] }
    func violationCount(slot: UInt32) -> UInt64? { violations[slot] }
    func frameCount(slot: UInt32) -> UInt64? { frames[slot] }
}

final class FakeProcess: NetworkFunctionProcess {
    let slot: UInt32
    let token: UInt64
    let journal: Journal
    var words: [TelemetryField: UInt64] = [.asleep: 1]
    /// How often bind says EBUSY before it works.
    var busyBinds = 0
    var bindError: Errno?
    private(set) var isClosed = false
    private(set) var isKilled = false
    var wasKilledForMemory = false
    var processorNanoseconds: UInt64?
    var waitedNanoseconds: UInt64 = 0
    func setWeight(isLowered: Bool) { journal.note("\(isLowered ? "lower" : "raise") \(slot)") }

    init(slot: UInt32, token: UInt64, journal: Journal) {
        self.slot = slot
        self.token = token
        self.journal = journal
    }

    var userID: UInt32 { 1_000 + slot }
    var socket: CInt { CInt(slot) + 100 }
    func bind(interfaceIndex: UInt32) throws(XSKError) {
        if let bindError { throw XSKError(call: "bind", errno: bindError) }
        guard busyBinds == 0 else {
            busyBinds -= 1
            throw XSKError(call: "bind", errno: .busy)
        }
        journal.note("bind \(slot)")
    }
    func run() throws { journal.note("run \(slot)") }
    func drain() { journal.note("drain \(slot)") }
    func kill() {
        isKilled = true
        journal.note("kill \(slot)")
    }
    func read(_ field: TelemetryField) -> UInt64 { words[field] ?? 0 }
    func readCounter(_ position: Int) -> UInt64 { 0 }
    func readDrop(_ position: Int) -> UInt64 { 0 }
    func requestConnections() { journal.note("request \(slot)") }
    var connections = ConnectionSnapshot(requested: 0, answered: 0, records: [])
    func close() {
        isClosed = true
        journal.note("close \(slot)")
    }
}

final class FakeLauncher: NetworkFunctionLauncher {
    let journal: Journal
    var isAvailable = true
    var failure: (any Error)?
    var busyBinds = 0
    private(set) var processes: [FakeProcess] = []

    init(_ journal: Journal) { self.journal = journal }

    func launch(
        slot: UInt32, token: UInt64, service: Topology.Service, tap: SlotTap?
    ) throws -> any NetworkFunctionProcess {
        if let failure { throw failure }
        journal.note("launch \(slot)")
        let process = FakeProcess(slot: slot, token: token, journal: journal)
        process.busyBinds = busyBinds
        processes.append(process)
        return process
    }
}

final class FakeDevices: SlotDeviceMaker {
    let journal: Journal
    var failure: (any Error)?

    init(_ journal: Journal) { self.journal = journal }

    func create(slots: [UInt32], sendBy: Topology.Transmit) throws -> [SlotDevice] {
        if let failure { throw failure }
        for slot in slots { journal.note("create \(slot)") }
        return slots.map { SlotDevice(hostIndex: $0 * 2 + 10, nfIndex: $0 * 2 + 11) }
    }

    func bringUp(_ devices: [UInt32: SlotDevice]) throws {
        for slot in devices.keys.sorted() { journal.note("bring up \(slot)") }
    }

    func remove(_ device: SlotDevice) { journal.note("remove devices \(device.hostIndex) and \(device.nfIndex)") }
}

/// A slot table among fakes, with a clock that the test moves.
final class SlotScene {
    let journal = Journal()
    let steering: FakeSteering
    let launcher: FakeLauncher
    let devices: FakeDevices
    let table: SlotTable
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    private var nextPid: Int32 = 100

    init(_ services: Topology.Service...) {
        steering = FakeSteering(journal)
        launcher = FakeLauncher(journal)
        devices = FakeDevices(journal)
        table = SlotTable(
            services: services, steering: steering, launcher: launcher, devices: devices,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    static func service(
        _ isolation: Topology.Isolation = .client, idle: Int = 2, max: Int = 4,
        change: (inout Topology.Service) -> Void = { _ in }
    ) -> Topology.Service {
        var service = Topology.Service(name: "web", id: 1, networkFunction: "web-server")
        (service.isolation, service.idle, service.max) = (isolation, idle, max)
        change(&service)
        return service
    }

    /// Moves the clock and lets the table do all that is due.
    func advance(milliseconds: Int = 0) {
        now = now + .milliseconds(milliseconds)
        for _ in 0..<100 {
            guard let next = table.advance(at: now), next <= now else { return }
        }
    }

    func process(_ slot: UInt32) -> FakeProcess { launcher.processes.last { $0.slot == slot }! }

    /// The zygote forks, and the NF says ready.
    func makeReady(_ slot: UInt32) {
        spawn(slot)
        table.processReady(token: process(slot).token, at: now)
    }

    func spawn(_ slot: UInt32) {
        nextPid += 1
        table.processSpawned(token: process(slot).token, pid: nextPid, at: now)
    }

    /// Starts until nothing more is asked for.
    func settle() {
        for _ in 0..<100 {
            advance()
            let pending = table.starting.sorted()
            guard !pending.isEmpty else { return }
            for slot in pending { makeReady(slot) }
        }
    }

    func client(_ address: String, takes slot: UInt32, isConfirmed: Bool = true) {
        steering.bindings[slot] = SlotBinding(
            client: IPAddress(address)!, clientPort: 5000, local: IPAddress("10.77.0.1")!, localPort: 80,
            isConfirmed: isConfirmed, isShared: false, boundAt: now.nanoseconds, lastSeen: now.nanoseconds)
        steering.idle[1, default: 1] -= 1
        table.handle(
            .bound(slot: slot, service: 1, client: IPAddress(address)!, clientPort: 5000, shared: false), at: now)
    }

    func dies(_ slot: UInt32) { table.processEnded(token: process(slot).token, at: now) }

    func state(_ slot: UInt32) -> Slot.State { table[slot].state }
    var states: [Slot.State] { table.slots.map(\.state) }
    var pool: ServicePool { table.pools[0] }
}
