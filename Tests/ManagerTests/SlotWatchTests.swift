import ControlAPI
import Handover
import Linux
import Testing

@testable import Manager

/// What is noticed by looking: clients that left, handshakes that never finish, NFs that stand still.
@Suite struct SlotWatchTests {
    /// A scene with slot 0 given to a client.
    func bound(
        _ isolation: Topology.Isolation = .client, isConfirmed: Bool = true, connections: UInt64 = 1
    ) -> SlotScene {
        let scene = SlotScene(
            SlotScene.service(isolation, idle: 1, max: 2) { $0.idleTimeoutMilliseconds = 10_000 })
        scene.settle()
        scene.client("10.0.0.1", takes: 0, isConfirmed: isConfirmed)
        scene.settle()
        scene.process(0).words[.accepted] = connections
        return scene
    }

    /// Looks every 100 ms, with a heartbeat that moves or not.
    func watch(_ scene: SlotScene, seconds: Double, beats: Bool = true, each: (SlotScene) -> Void = { _ in }) {
        for _ in 0..<Int(seconds * 10) {
            if beats { scene.process(0).words[.heartbeat, default: 0] += 1 }
            each(scene)
            scene.advance(milliseconds: 100)
        }
    }

    @Test func aSleepingNFWithAConnectionIsLeftAlone() {
        let scene = bound()
        // Not even the kernel remembers the client: the table of bindings forgets the least recently used.
        scene.steering.bindings[0] = nil
        watch(scene, seconds: 60, beats: false)
        #expect(scene.state(0) == .bound)
    }

    @Test func aLoopThatStandsStillIsEnded() {
        let scene = bound()
        scene.process(0).words[.asleep] = 0
        watch(scene, seconds: 0.9, beats: false)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 0.5, beats: false)
        #expect(scene.state(0) == .dead)
        #expect(scene.process(0).isKilled)
        #expect(scene.pool.ended == [.hung: 1])
    }

    @Test func aBusyLoopIsNoHang() {
        let scene = bound()
        scene.process(0).words[.asleep] = 0
        watch(scene, seconds: 30)
        #expect(scene.state(0) == .bound)
    }

    @Test func aPauseOfTheWholeHostIsNoHang() {
        let scene = bound()
        scene.process(0).words[.asleep] = 0
        scene.advance(milliseconds: 100)
        scene.advance(milliseconds: 60_000)
        #expect(scene.state(0) == .bound)
    }

    @Test func framesThatNobodyReadsAreAHang() {
        let scene = bound()
        watch(scene, seconds: 3, beats: false)
        #expect(scene.state(0) == .bound)
        // Stopped in its sleep: one frame is delivered, the heartbeat stands.
        scene.steering.delivered[0] = 1
        watch(scene, seconds: 0.9, beats: false)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 0.8, beats: false)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended == [.hung: 1])
    }

    @Test func framesThatAreReadAreNoHang() {
        let scene = bound()
        watch(scene, seconds: 30) {
            $0.steering.delivered[0, default: 0] += 5
            $0.process(0).words[.rxPackets, default: 0] += 5
        }
        watch(scene, seconds: 30, beats: false)
        #expect(scene.state(0) == .bound)
    }

    @Test func framesThatFoundNoRoomAreNoHang() {
        let scene = bound()
        watch(scene, seconds: 5) {
            $0.steering.delivered[0, default: 0] += 5
            $0.process(0).words[.rxPackets, default: 0] += 3
        }
        watch(scene, seconds: 30, beats: false)
        #expect(scene.state(0) == .bound)
    }

    @Test func framesOfAnEarlierClientAreNoHang() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.steering.delivered[0] = 1_000
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.process(0).words[.accepted] = 1
        watch(scene, seconds: 30, beats: false)
        #expect(scene.state(0) == .bound)
    }

    @Test func aClientThatLeftLosesItsNF() {
        let scene = bound()
        // In TIME-WAIT: the NF still holds it, the client has left.
        scene.process(0).words[.connections] = 1
        scene.process(0).words[.closed] = 1
        watch(scene, seconds: 9.9)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 1)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended == [.idleTimeout: 1])
        #expect(scene.journal.entries.suffix(2) == ["unbind 0", "kill 0"])
    }

    @Test func aClientThatComesBackKeepsItsNF() {
        let scene = bound()
        // In TIME-WAIT: the NF still holds it, the client has left.
        scene.process(0).words[.connections] = 1
        scene.process(0).words[.closed] = 1
        watch(scene, seconds: 8)
        scene.process(0).words[.accepted] = 2
        watch(scene, seconds: 1)
        scene.process(0).words[.closed] = 2
        watch(scene, seconds: 8)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 3)
        #expect(scene.state(0) == .dead)
    }

    @Test func aSynOnItsWayKeepsTheNF() {
        let scene = bound()
        // In TIME-WAIT: the NF still holds it, the client has left.
        scene.process(0).words[.connections] = 1
        scene.process(0).words[.closed] = 1
        watch(scene, seconds: 9)
        scene.steering.bindings[0]?.lastSeen = scene.now.nanoseconds
        watch(scene, seconds: 5)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 6)
        #expect(scene.state(0) == .dead)
    }

    @Test func anNFOfOneConnectionEndsWithIt() {
        let scene = bound(.connection)
        watch(scene, seconds: 60)
        #expect(scene.state(0) == .bound)
        scene.process(0).words[.closed] = 1
        watch(scene, seconds: 0.3)
        #expect(scene.pool.ended == [.finished: 1])
    }

    @Test func anNFOfOneConnectionWaitsForItsFirst() {
        let scene = bound(.connection, connections: 0)
        watch(scene, seconds: 5)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 6)
        #expect(scene.pool.ended == [.idleTimeout: 1])
    }

    @Test func aDrainingNFEndsWithItsLastConnection() {
        let scene = bound()
        scene.table.drain(at: scene.now)
        watch(scene, seconds: 3)
        #expect(scene.state(0) == .draining)
        scene.process(0).words[.connections] = 1
        scene.process(0).words[.closed] = 1
        watch(scene, seconds: 0.3)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended[.stopped] == 2)
    }

    @Test func anUnfinishedHandshakeGivesTheSlotBack() {
        let scene = bound(isConfirmed: false, connections: 0)
        watch(scene, seconds: 4.9)
        #expect(scene.state(0) == .bound)
        watch(scene, seconds: 0.4)
        #expect(scene.state(0) == .dead)
        #expect(scene.pool.ended == [.halfOpen: 1])
    }

    @Test func aFinishedHandshakeKeepsIt() {
        let scene = bound(isConfirmed: false, connections: 0)
        scene.table.handle(.confirmed(slot: 0, service: 1), at: scene.now)
        watch(scene, seconds: 6)
        #expect(scene.state(0) == .bound)
    }

    @Test func aLostConfirmationIsLookedUp() {
        let scene = bound(isConfirmed: false, connections: 0)
        watch(scene, seconds: 1)
        scene.steering.bindings[0]?.isConfirmed = true
        watch(scene, seconds: 6)
        #expect(scene.state(0) == .bound)
    }

    @Test func aLostBoundEventIsMadeUpFor() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 2))
        scene.settle()
        scene.steering.bindings[0] = SlotBinding(
            client: IPAddress("10.0.0.7")!, clientPort: 1, local: IPAddress("10.77.0.1")!, localPort: 80,
            isConfirmed: true, isShared: false, boundAt: 0, lastSeen: 0)
        scene.steering.idle[1] = 0
        scene.advance(milliseconds: SlotTable.Limit.reconciliationMilliseconds)
        scene.settle()
        #expect(scene.states == [.bound, .idle])
        #expect(scene.table[0].client == IPAddress("10.0.0.7"))
    }

    /// A manager with sleeping, idle NFs has next to nothing to do.
    @Test func idleNFsNeedOneLookASecond() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 2))
        scene.settle()
        scene.advance(milliseconds: 1_500)
        let next = scene.table.advance(at: scene.now)
        #expect(next.map { $0 - scene.now } == .milliseconds(SlotTable.Limit.reconciliationMilliseconds))
    }
}
