import ControlAPI
import Handover
import Linux
import TCPStack
import Testing

@testable import Manager

/// What an NF says, or writes into its telemetry page, can end that NF and do nothing else.
@Suite struct SlotViolationTests {
    /// Two clients with an NF each, and two idle ones.
    private func scene() -> SlotScene {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 8))
        scene.settle()
        for slot in 0..<UInt32(2) {
            scene.client("10.0.0.\(slot + 1)", takes: slot)
            scene.process(slot).words[.accepted] = 1
            scene.settle()
        }
        return scene
    }

    enum Word: CaseIterable { case failed, rubbish, readyAgain }

    private func says(_ word: Word, _ scene: SlotScene, _ slot: UInt32) {
        let token = scene.process(slot).token
        switch word {
        case .failed: scene.table.processFailed(token: token, reason: "no root", at: scene.now)
        case .rubbish: scene.table.processBabbled(token: token, problem: "unknown handover message 9", at: scene.now)
        case .readyAgain: scene.table.processReady(token: token, at: scene.now)
        }
    }

    /// One NF a second says it, for half a minute; the pool is full all the time.
    @Test(arguments: Word.allCases)
    func whatABoundNFSaysHoldsUpNobody(_ word: Word) {
        let scene = scene()
        for second in 0..<30 {
            let slot = scene.table.slots.first { $0.state == .bound && $0.id != 1 }!.id
            says(word, scene, slot)
            #expect(scene.state(slot) == .dead)
            #expect(!scene.table.isHeard(token: scene.process(slot).token))
            scene.dies(slot)
            scene.settle()
            #expect(scene.pool.count(.idle) == 2, "after \(second) s")
            #expect(scene.pool.retryAt <= scene.now)
            let next = scene.table.slots.first { $0.state == .idle }!.id
            scene.client("10.0.1.\(second)", takes: next)
            scene.settle()
            scene.advance(milliseconds: 1_000)
        }
        let cause: EndCause = word == .failed ? .failed : .violation
        #expect(scene.pool.ended == [cause: 30])
        #expect(scene.state(1) == .bound && !scene.process(1).isKilled)
    }

    @Test(arguments: Word.allCases)
    func whatADrainingNFSaysEndsIt(_ word: Word) {
        let scene = scene()
        scene.table.drain(at: scene.now)
        says(word, scene, 0)
        #expect(scene.state(0) == .dead && scene.state(1) == .draining)
        #expect(scene.pool.retryAt <= scene.now)
    }

    /// The kernel gave it to a client, and the event has not been read.
    @Test(arguments: Word.allCases)
    func anNFWhoseClientIsNotKnownYetHoldsUpNobody(_ word: Word) {
        let scene = scene()
        for slot in [2, 3] as [UInt32] {
            scene.steering.bindings[slot] = scene.steering.bindings[1]
            scene.advance(milliseconds: 60)
            says(word, scene, slot)
        }
        #expect(scene.pool.retryAt <= scene.now)
    }

    @Test func aCrashOfSuchAnNFHoldsUpNobody() {
        let scene = scene()
        for slot in [2, 3] as [UInt32] {
            scene.steering.bindings[slot] = scene.steering.bindings[1]
            scene.advance(milliseconds: 60)
            scene.dies(slot)
        }
        #expect(scene.pool.retryAt <= scene.now)
    }

    /// Nobody had a hand in it but its program, and so it will go with the next: no storm of starts.
    @Test(arguments: Word.allCases)
    func whatNFsSayThatNoClientReachedSlowsTheirServiceDown(_ word: Word) {
        let scene = scene()
        for _ in 0..<3 {
            scene.settle()
            guard let slot = scene.table.slots.first(where: { $0.state == .idle })?.id else { break }
            scene.advance(milliseconds: 60)
            says(word, scene, slot)
            scene.dies(slot)
        }
        #expect(scene.pool.retryAt > scene.now)
    }

    @Test func beforeItIsReadyItIsAStartThatFailed() {
        for word in [Word.failed, .rubbish] {
            let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
            scene.advance()
            scene.spawn(0)
            says(word, scene, 0)
            #expect(scene.pool.ended == [.startFailed: 1])
        }
    }

    @Test func theDeadHaveNoMoreToSay() {
        let scene = scene()
        says(.failed, scene, 0)
        for word in Word.allCases { says(word, scene, 0) }
        #expect(scene.pool.ended == [.failed: 1])
        #expect(scene.table.isHeard(token: scene.process(1).token))
        #expect(!scene.table.isHeard(token: 999_999))
    }

    // MARK: Telemetry

    /// Every word is all ones, but for the heartbeat, which goes on.
    private func lie(_ process: FakeProcess, _ words: UInt64 = .max) {
        for field in TelemetryField.allCases { process.words[field] = words }
    }

    private func watch(_ scene: SlotScene, seconds: Int, each: (SlotScene) -> Void = { _ in }) {
        for second in 0..<seconds * 5 {
            scene.process(0).words[.heartbeat] = UInt64(second)
            each(scene)
            scene.advance(milliseconds: 200)
        }
    }

    /// It says that it has connections; its client has been gone since the beginning.
    @Test func aLiarLosesItsSlotWhenItsClientIsSilent() {
        let scene = scene()
        lie(scene.process(0))
        scene.process(0).words[.closed] = 0
        watch(scene, seconds: 120)
        #expect(scene.state(0) == .bound, "an open connection may be idle for so long")
        watch(scene, seconds: 15)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended[.idleTimeout] == 2, "and so is the other client")
    }

    @Test func anIdleConnectionThatAnswersProbesKeepsItsNF() {
        let scene = scene()
        scene.process(0).words[.accepted] = 1
        watch(scene, seconds: 1_200) { scene in
            // The client's stack answers one probe in two.
            if scene.now.nanoseconds / 1_000_000_000 % 120 == 0 {
                scene.steering.bindings[0]?.lastSeen = scene.now.nanoseconds
            }
        }
        #expect(scene.state(0) == .bound)
    }

    @Test func aLongerIdleTimeOutIsKept() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 2) { $0.idleTimeoutMilliseconds = 600_000 })
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.process(0).words[.accepted] = 1
        watch(scene, seconds: 590)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 15)
        #expect(scene.state(0) == .dead)
    }

    /// The bound is of use only if it is beyond what an honest NF needs to find that its peer is gone.
    @Test func theBoundIsBeyondTheStacksOwn() throws {
        let configuration = Configuration(secret: (1, 2))
        let idle = try #require(configuration.keepaliveIdle)
        let own = idle + configuration.keepaliveInterval * configuration.keepaliveProbes
        #expect(own < .milliseconds(SlotTable.Limit.silenceMilliseconds))
    }

    @Test func noWordOfAPageTrapsTheManager() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<200 {
            let scene = scene()
            for slot in 0..<UInt32(2) {
                lie(scene.process(slot), round == 0 ? .max : random.next())
                for field in TelemetryField.allCases where Bool.random(using: &random) {
                    scene.process(slot).words[field] = Bool.random(using: &random) ? .max : random.next()
                }
                scene.steering.delivered[slot] = random.next()
            }
            for _ in 0..<10 { scene.advance(milliseconds: 200) }
            #expect(scene.pool.count(.idle) == 2)
        }
    }
}
