import ControlAPI
import Linux
import Testing

@testable import Manager

@Suite struct SlotTableTests {
    @Test func startsInTheOrderOfTheDesign() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 2))
        scene.advance()
        #expect(scene.journal.take() == ["create 0", "police 0", "bring up 0", "launch 0"])
        #expect(scene.state(0) == .starting)
        scene.spawn(0)
        #expect(scene.state(0) == .handingOver)
        scene.table.processReady(token: scene.process(0).token, at: scene.now)
        #expect(scene.journal.take() == ["bind 0", "admit 0", "run 0", "offer 0"])
        #expect(scene.states == [.idle, .spare])
    }

    @Test func keepsIdleNFsReadyUpToTheMaximum() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 3))
        scene.settle()
        #expect(scene.states == [.idle, .idle, .spare])
        scene.client("10.0.0.1", takes: 0)
        scene.settle()
        #expect(scene.states == [.bound, .idle, .idle])
        scene.client("10.0.0.2", takes: 1)
        scene.client("10.0.0.3", takes: 2)
        scene.settle()
        #expect(scene.states == [.bound, .bound, .bound])
        #expect(scene.launcher.processes.count == 3)
        scene.dies(1)
        scene.settle()
        #expect(scene.states == [.bound, .idle, .bound])
    }

    @Test func deathIsUnboundFirstAndRebuiltWithAnotherProcess() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        _ = scene.journal.take()
        let first = scene.process(0)
        scene.dies(0)
        #expect(scene.journal.entries.first == "unbind 0")
        scene.settle()
        // The device is used again; process and memory are not.
        #expect(
            scene.journal.take() == [
                "unbind 0", "kill 0", "retire 0", "close 0", "launch 0", "bind 0", "admit 0", "run 0", "offer 0",
            ])
        #expect(scene.process(0) !== first)
        #expect(first.isClosed)
        #expect(scene.state(0) == .idle)
        #expect(scene.table[0].client == nil)
        #expect(scene.pool.ended == [.crashed: 1])
    }

    @Test func aWaveOfDeathsIsUnboundBeforeAnyIsRebuilt() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 32))
        scene.settle()
        for slot in 0..<UInt32(32) {
            scene.client("10.0.1.\(slot)", takes: slot)
            scene.settle()
        }
        #expect(scene.pool.count(.bound) == 32)
        _ = scene.journal.take()
        for slot in stride(from: UInt32(0), to: 32, by: 2) { scene.dies(slot) }
        let wave = scene.journal.take()
        #expect(wave.filter { $0.hasPrefix("unbind") }.count == 16)
        #expect(!wave.contains { $0.hasPrefix("retire") || $0.hasPrefix("launch") })
        // One turn rebuilds a bounded number.
        _ = scene.table.advance(at: scene.now)
        #expect(scene.journal.take().count { $0.hasPrefix("retire") } == SlotTable.Limit.slotsPerTurn)
        scene.settle()
        #expect(scene.pool.count(.bound) == 16)
        #expect(scene.pool.count(.idle) == 1)
        // Nobody else's NF was touched.
        #expect(stride(from: UInt32(1), to: 32, by: 2).allSatisfy { !scene.process($0).isKilled })
    }

    @Test func retriesBindWhileTheQueueIsBusy() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.launcher.busyBinds = 3
        scene.advance()
        scene.makeReady(0)
        #expect(scene.state(0) == .binding)
        for _ in 0..<3 { scene.advance(milliseconds: SlotTable.Limit.bindRetryMilliseconds) }
        #expect(scene.state(0) == .idle)
        #expect(scene.pool.ended.isEmpty)
    }

    @Test func givesUpABusyQueueAfterTwoSeconds() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.launcher.busyBinds = 10_000
        scene.advance()
        scene.makeReady(0)
        for _ in 0..<900 where scene.state(0) == .binding { scene.advance(milliseconds: 3) }
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended == [.bindFailed: 1])
        #expect(scene.process(0).isKilled)
    }

    @Test func oneSlotThatWaitsHoldsUpNoOther() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 2))
        scene.advance()
        scene.process(0).busyBinds = 1_000
        scene.makeReady(0)
        scene.makeReady(1)
        #expect(scene.states == [.binding, .idle])
    }

    @Test func otherBindErrorsAreFinal() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.advance()
        scene.process(0).bindError = .invalid
        scene.makeReady(0)
        #expect(scene.state(0) == .dead)
        #expect(!scene.journal.entries.contains("admit 0"))
    }

    @Test func refusedAdmissionLeavesNothingInTheMaps() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.steering.failsAdmit = true
        scene.advance()
        scene.makeReady(0)
        #expect(scene.state(0) == .dead)
        #expect(!scene.journal.entries.contains("offer 0"))
        scene.dies(0)
        scene.advance()
        #expect(!scene.journal.entries.contains("retire 0"))
    }

    @Test func endsAStartThatTakesTooLong() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.advance()
        scene.spawn(0)
        scene.advance(milliseconds: SlotTable.Limit.startMilliseconds)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended == [.startTimedOut: 1])
    }

    @Test func failingStartsSlowDownAndGoOn() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        func failOne() {
            let slot = scene.table.starting.sorted()[0]
            scene.spawn(slot)
            scene.table.processFailed(token: scene.process(slot).token, reason: "no such file", at: scene.now)
            scene.dies(slot)
        }
        scene.advance()
        #expect(scene.table.starting.count == 2)
        failOne()
        failOne()
        var attempts: [Int] = []
        for milliseconds in 0..<1_000 {
            scene.advance(milliseconds: milliseconds == 0 ? 0 : 1)
            guard !scene.table.starting.isEmpty else { continue }
            // One at a time while they fail.
            #expect(scene.table.starting.count == 1)
            attempts.append(milliseconds)
            // Each takes a while, or all would count as one failure.
            scene.advance(milliseconds: 60)
            failOne()
        }
        #expect(attempts == [0, 100, 300, 700])
        scene.advance(milliseconds: 5_000)
        scene.settle()
        #expect(scene.pool.count(.idle) == 2)
    }

    @Test func devicesThatCannotBeMadeAreAStartThatFailed() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.devices.failure = HostError("no devices")
        _ = scene.table.advance(at: scene.now)
        #expect(scene.state(0) == .spare)
        #expect(scene.pool.ended[.startFailed] == 1)
        scene.devices.failure = nil
        scene.advance(milliseconds: 31_000)
        scene.settle()
        #expect(scene.state(0) == .idle)
    }

    @Test func aSlotWithoutDevicesGetsNewOnesAndAnotherProcess() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        _ = scene.journal.take()
        scene.table.deviceRemoved(index: 99, at: scene.now)
        #expect(scene.journal.take() == [], "a device of somebody else")
        scene.table.deviceRemoved(index: 11, at: scene.now)
        scene.table.deviceRemoved(index: 10, at: scene.now)
        scene.dies(0)
        scene.settle()
        let journal = scene.journal.take()
        #expect(journal.prefix(3) == ["remove devices 10 and 11", "unbind 0", "kill 0"])
        #expect(journal.filter { $0 == "create 0" }.count == 1)
        #expect(scene.state(0) == .idle)
        #expect(scene.pool.ended == [.deviceLost: 1])
    }

    @Test func aClientsCrashDelaysNobody() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 2))
        for _ in 0..<20 {
            scene.settle()
            scene.client("10.0.0.1", takes: 0)
            scene.dies(0)
            scene.settle()
            #expect(scene.pool.count(.idle) >= 1)
        }
    }

    @Test func lateEventsOfAnEarlierProcessAreIgnored() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.settle()
        let old = scene.process(0)
        scene.dies(0)
        scene.settle()
        #expect(scene.state(0) == .idle)
        scene.table.processEnded(token: old.token, at: scene.now)
        scene.table.processReady(token: old.token, at: scene.now)
        scene.table.processFailed(token: old.token, reason: "late", at: scene.now)
        #expect(scene.state(0) == .idle)
        // A bound event of the client before: the slot has no binding now.
        scene.table.handle(
            .bound(slot: 0, service: 1, client: IPAddress("10.0.0.9")!, clientPort: 1, shared: false), at: scene.now)
        #expect(scene.state(0) == .idle)
    }

    @Test func eventsOfUnknownSlotsAreIgnored() {
        let scene = SlotScene(SlotScene.service())
        scene.settle()
        for slot: UInt32 in [4, 1_000_000, .max] {
            scene.table.handle(
                .bound(slot: slot, service: 1, client: IPAddress("10.0.0.9")!, clientPort: 1, shared: false),
                at: scene.now)
            scene.table.handle(.confirmed(slot: slot, service: 9), at: scene.now)
            scene.table.handle(.violation(slot: slot, cause: "x"), at: scene.now)
            #expect(!scene.table.kill(slot: slot, at: scene.now))
        }
        scene.table.handle(.idleEmpty(service: 77), at: scene.now)
        #expect(scene.states == [.idle, .idle, .spare, .spare])
    }

    @Test func killsOnRequest() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        #expect(!scene.table.kill(slot: 0, at: scene.now))
        scene.settle()
        #expect(scene.table.kill(slot: 0, at: scene.now))
        #expect(!scene.table.kill(slot: 0, at: scene.now))
        #expect(scene.process(0).isKilled)
        scene.dies(0)
        scene.settle()
        #expect(scene.state(0) == .idle)
        #expect(scene.pool.ended == [.killed: 1])
    }

    @Test func theZygotesEndTouchesNoRunningNF() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.advance()
        // Slot 2 is on its way: asked for, not forked.
        #expect(scene.state(2) == .starting)
        scene.launcher.isAvailable = false
        scene.table.zygoteEnded(at: scene.now)
        scene.advance()
        #expect(scene.states == [.bound, .idle, .spare, .spare])
        #expect(!scene.process(0).isKilled && !scene.process(1).isKilled)
        scene.launcher.isAvailable = true
        scene.advance(milliseconds: 200)
        scene.settle()
        #expect(scene.pool.count(.idle) == 2)
    }

    @Test func anNFThatIsSharedServesFromTheStart() {
        let scene = SlotScene(SlotScene.service(.none, idle: 4, max: 16))
        scene.settle()
        #expect(scene.states == [.bound])
        scene.advance(milliseconds: 600_000)
        #expect(scene.states == [.bound])
        scene.dies(0)
        scene.settle()
        #expect(scene.states == [.bound])
    }

    @Test func sharedOverflowKnowsWhoRuns() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 3) { $0.overflow = .share })
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.settle()
        #expect(scene.steering.shareTables[1] == [0, 1])
        scene.dies(0)
        _ = scene.table.advance(at: scene.now)
        #expect(scene.steering.shareTables[1] == [1])
    }

    @Test func drainsThenStops() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 3))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.settle()
        _ = scene.journal.take()
        scene.table.drain(at: scene.now)
        #expect(scene.journal.take() == ["drain 0", "unbind 1", "kill 1"])
        #expect(scene.states == [.draining, .dead, .spare])
        scene.dies(1)
        scene.advance()
        #expect(scene.table.processCount == 1)
        // The client finished and the NF ended by itself.
        scene.dies(0)
        scene.advance()
        #expect(scene.table.processCount == 0)
        #expect(scene.launcher.processes.count == 2)
    }

    @Test func aSecondSignalEndsAll() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 3))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.advance()
        scene.table.drain(at: scene.now)
        scene.table.endAll(at: scene.now)
        #expect(
            scene.launcher.processes.allSatisfy { $0.isKilled || scene.table.slot(of: $0.token) == nil || $0.slot == 1 }
        )
        #expect(scene.process(0).isKilled)
    }

    @Test func aProcessForkedAfterItsSlotWasGivenUpIsKilled() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.advance()
        scene.advance(milliseconds: SlotTable.Limit.startMilliseconds)
        #expect(scene.state(0) == .dead)
        _ = scene.journal.take()
        scene.spawn(0)
        #expect(scene.journal.take() == ["kill 0"])
    }
}
