import ControlAPI
import Logging
import Testing

@testable import Manager

/// The manager's half of the SYN gate: more NFs for who waits, and who may be refused.
@Suite struct SlotGateTests {
    private static func state(isOn: Bool = true, waiting: Int = 0) -> GateState {
        var state = GateState()
        state.isOn = isOn
        state.waiting = waiting
        return state
    }

    @Test func whoeverWaitsGetsAnNFBeyondTheIdleOnes() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 6))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.steering.gates[1] = Self.state(waiting: 3)
        scene.settle()
        #expect(scene.pool.count(.idle) == 4)
        scene.steering.gates[1] = Self.state(waiting: 100)
        scene.settle()
        #expect(scene.pool.count(.idle) == 5, "not beyond max")
        // None ends for want of clients.
        scene.steering.gates[1] = Self.state()
        scene.settle()
        #expect(scene.pool.count(.idle) == 5)
    }

    @Test func fullIsWhenNoMoreCanBeMade() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 2))
        scene.settle()
        #expect(scene.steering.full[1] == nil)
        scene.client("10.0.0.1", takes: 0)
        scene.settle()
        scene.client("10.0.0.2", takes: 1)
        scene.advance()
        #expect(scene.steering.full[1] == true)
        scene.dies(0)
        scene.advance()
        #expect(scene.steering.full[1] == false, "it is rebuilt: who comes now may wait for it")
        scene.settle()
        #expect(scene.steering.full[1] == false)
    }

    @Test func aServiceThatCannotStartNFsIsFullUntilItTriesAgain() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 4))
        scene.launcher.failure = HostError("no memory")
        for _ in 0..<8 { scene.advance(milliseconds: 2_000) }
        #expect(scene.steering.full[1] == true)
        scene.launcher.failure = nil
        scene.advance(milliseconds: 30_000)
        scene.settle()
        #expect(scene.steering.full[1] == false)
    }

    @Test func aManagerThatStopsRefuses() {
        let scene = SlotScene(SlotScene.service(idle: 2, max: 4))
        scene.settle()
        scene.client("10.0.0.1", takes: 0)
        scene.table.drain(at: scene.now)
        scene.advance()
        #expect(scene.steering.full[1] == true)
    }

    @Test func aSharedServiceHasNoGate() {
        let scene = SlotScene(SlotScene.service(.none))
        scene.steering.drift = (5, 5)
        scene.settle()
        scene.advance(milliseconds: 5_000)
        scene.advance(milliseconds: 5_000)
        #expect(scene.steering.full[1] == nil)
        #expect(!scene.journal.take().contains { $0.hasPrefix("correct") })
        #expect(SlotScene.service(.none).definition(mtu: 1500).gate == nil)
    }

    @Test func itsTimeIsKeptWhileItIsOn() {
        let scene = SlotScene(SlotScene.service())
        scene.settle()
        #expect(!scene.pool.gate.needsLook)
        scene.steering.gates[1] = Self.state()
        scene.table.handle(.gateOn(service: 1), at: scene.now)
        #expect(scene.pool.gate.onSince != nil)
        // Nobody says that it went off: that is looked for.
        scene.steering.gates[1] = Self.state(isOn: false)
        scene.advance(milliseconds: SlotTable.Limit.gateLookMilliseconds)
        #expect(scene.pool.gate.onSince == nil)
    }

    @Test func aDriftThatStaysIsPutRight() {
        let scene = SlotScene(SlotScene.service())
        scene.settle()
        _ = scene.journal.take()
        scene.steering.drift = (2, -1)
        scene.advance(milliseconds: SlotTable.Limit.reconciliationMilliseconds)
        #expect(scene.journal.take().isEmpty, "slots may have moved while they were counted")
        scene.advance(milliseconds: SlotTable.Limit.reconciliationMilliseconds)
        #expect(scene.journal.take() == ["correct 2 -1"])
        scene.advance(milliseconds: SlotTable.Limit.reconciliationMilliseconds)
        #expect(scene.journal.take().isEmpty)
    }

    @Test(arguments: [(1, 1, 1, 1), (8, 64, 4, 8), (8, 256, 4, 8), (4, 8, 2, 2), (100, 100, 50, 25)])
    func marksFollowThePool(idle: Int, max: Int, idleMark: UInt32, halfOpenMark: UInt32) {
        let gate = SlotScene.service(idle: idle, max: max).definition(mtu: 9000).gate
        #expect(gate?.idleMark == idleMark && gate?.halfOpenMark == halfOpenMark)
        #expect(gate?.offer == .init(window: 65_535, windowShift: 5, mtu: 9000))
    }

    @Test func listenersAreReadAsTheKernelPrintsThem() {
        let table4 = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
               1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
               2: 01004D0A:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0
               3: 01004D0A:0050 02004D0A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0 100 0 0 10 0
               4: rubbish
            """
        let sockets = HostListeners.sockets(in: table4)
        #expect(sockets.map(\.inode) == [11, 12, 13])
        #expect(sockets.map(\.address) == [IPAddress("127.0.0.1"), nil, IPAddress("10.77.0.1")])
        let table6 = """
              sl  local_address                         remote_address                        st tx_queue rx_queue
               0: 000077FD000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 21
            """
        let six = HostListeners.sockets(in: table6)
        #expect(six == [.init(address: IPAddress("fd77::1"), port: 80, inode: 21)])

        func takes(_ socket: HostListeners.Socket, _ address: String?, _ port: UInt16 = 80) -> Bool {
            socket.takes(.init(address: address.flatMap { IPAddress($0) }, port: port))
        }
        #expect(takes(sockets[1], "10.77.0.1") && takes(sockets[1], nil) && !takes(sockets[1], nil, 81))
        #expect(!takes(sockets[0], nil) && !takes(sockets[0], "10.77.0.1"))
        #expect(takes(sockets[2], nil, 443) && takes(sockets[2], "10.77.0.1", 443))
        #expect(!takes(sockets[2], "10.77.0.2", 443))
    }
}
