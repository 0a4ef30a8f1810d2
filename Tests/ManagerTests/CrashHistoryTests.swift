import ControlAPI
import Linux
import Testing

@testable import Manager

/// A client that makes its NFs crash again and again waits for the next one; nobody else does.
@Suite struct CrashHistoryTests {
    private let attacker = CrashHistory.Client(service: 1, address: IPAddress("10.0.0.9")!)

    @Test func pausesGrowAfterAFewAndEndSomewhere() {
        var history = CrashHistory()
        var now = MonotonicTime.zero
        var pauses: [Int] = []
        for _ in 0..<12 {
            let pause = history.note(attacker, at: now)
            pauses.append(pause)
            now = now + .milliseconds(pause + 1)
        }
        #expect(pauses == [0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    }

    @Test func othersAndOtherServicesAreNotConcerned() {
        var history = CrashHistory()
        for _ in 0..<10 { _ = history.note(attacker, at: .zero) }
        #expect(history.note(.init(service: 2, address: attacker.address), at: .zero) == 0)
        #expect(history.note(.init(service: 1, address: IPAddress("10.0.0.10")!), at: .zero) == 0)
    }

    @Test func whoBehavesIsForgotten() {
        var history = CrashHistory()
        for _ in 0..<10 { _ = history.note(attacker, at: .zero) }
        let later = MonotonicTime.zero + .milliseconds(CrashHistory.Limit.memoryMilliseconds)
        #expect(history.note(attacker, at: later) == 0)
        // The longest pause is no way to be forgotten.
        #expect(CrashHistory.Limit.memoryMilliseconds > CrashHistory.Limit.longestPauseMilliseconds)
    }

    @Test func itsMemoryIsBounded() {
        var history = CrashHistory()
        for number in 0..<UInt64(CrashHistory.Limit.clients + 100) {
            let address = IPAddress(high: 0xFD77 << 48, low: number)
            _ = history.note(.init(service: 1, address: address), at: MonotonicTime(nanoseconds: number))
        }
        #expect(history.clientCount == CrashHistory.Limit.clients)
    }

    @Test(arguments: [
        ("10.1.2.3", 64, "10.1.2.3"), ("10.1.2.3", 16, "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", 16, "2001::"), ("2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"),
        ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::"), ("2001:db8:1:2:3:4:5:6", 96, "2001:db8:1:2:3:4::"),
        ("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"),
    ])
    func aClientIsItsPrefix(address: String, length: Int, prefix: String) {
        #expect(IPAddress(address)!.prefix(ofIPv6: length) == IPAddress(prefix)!)
    }

    // MARK: In the slot table

    /// The client takes whatever is idle, and its NF crashes.
    private func crash(_ scene: SlotScene, _ address: String, share: Bool = false) -> UInt32 {
        scene.settle()
        let slot = scene.table.slots.first { $0.state == .idle }!.id
        scene.client(address, takes: slot)
        scene.steering.bindings[slot]!.isShared = share
        scene.dies(slot)
        return slot
    }

    private func heldScene() -> (SlotScene, UInt32) {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        for _ in 0..<CrashHistory.Limit.free { _ = crash(scene, "10.0.0.9") }
        scene.settle()
        _ = scene.journal.take()
        return (scene, crash(scene, "10.0.0.9"))
    }

    @Test func theBindingToTheDeadSlotStaysUntilThePauseIsOver() {
        let (scene, slot) = heldScene()
        scene.settle()
        #expect(scene.state(slot) == .dead)
        let journal = scene.journal.take()
        #expect(!journal.contains("unbind \(slot)") && !journal.contains("retire \(slot)"))
        // Its memory and its socket are given back at once.
        #expect(journal.contains("close \(slot)") && scene.table[slot].process == nil)
        #expect(scene.pool.clientPauses == 1)
        scene.advance(milliseconds: CrashHistory.Limit.firstPauseMilliseconds - 1)
        #expect(scene.state(slot) == .dead)
        scene.advance(milliseconds: 1)
        #expect(scene.state(slot) == .spare)
        #expect(scene.journal.take().filter { $0.hasSuffix(" \(slot)") } == ["unbind \(slot)", "retire \(slot)"])
    }

    @Test func theTableWakesUpForThat() {
        let (scene, slot) = heldScene()
        scene.settle()
        let next = scene.table.advance(at: scene.now)
        #expect(next != nil && next! <= scene.now + .milliseconds(CrashHistory.Limit.firstPauseMilliseconds))
        #expect(scene.table[slot].heldUntil != nil)
    }

    @Test func othersAreServedMeanwhile() {
        let (scene, slot) = heldScene()
        scene.settle()
        #expect(scene.pool.count(.idle) == 2)
        let other = scene.table.slots.first { $0.state == .idle }!.id
        scene.client("10.0.0.10", takes: other)
        scene.settle()
        #expect(scene.state(other) == .bound && other != slot)
    }

    @Test func aHangCountsLikeACrash() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        for _ in 0..<CrashHistory.Limit.free { _ = crash(scene, "10.0.0.9") }
        scene.settle()
        let slot = scene.table.slots.first { $0.state == .idle }!.id
        scene.client("10.0.0.9", takes: slot)
        scene.table.end(slot, .hung, "no sign of life", at: scene.now)
        #expect(scene.table[slot].heldUntil != nil)
    }

    @Test func aSlotThatOthersShareIsFreedAtOnce() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        for _ in 0..<10 {
            let slot = crash(scene, "10.0.0.9", share: true)
            #expect(scene.table[slot].heldUntil == nil)
        }
    }

    @Test func whereABindingIsOneConnectionNobodyWaits() {
        let scene = SlotScene(SlotScene.service(.connection, idle: 2, max: 4))
        for _ in 0..<10 {
            let slot = crash(scene, "10.0.0.9")
            #expect(scene.table[slot].heldUntil == nil)
        }
    }

    @Test func theManagerDoesNotWaitWhenItStops() {
        let (scene, _) = heldScene()
        scene.settle()
        scene.table.drain(at: scene.now)
        scene.table.endAll(at: scene.now)
        for process in scene.launcher.processes where !process.isClosed {
            scene.table.processEnded(token: process.token, at: scene.now)
        }
        scene.advance()
        #expect(scene.table.processCount == 0)
    }
}
