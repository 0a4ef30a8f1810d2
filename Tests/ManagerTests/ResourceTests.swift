import ControlAPI
import Linux
import Testing

@testable import Manager

@Suite struct ResourceTests {
    private func service(_ lines: String, options: String = "") throws -> Topology.Service {
        let yaml = "ports: [{device: port0}]\nservices:\n  - {name: web, nf: greeter, listen: 80\(lines)\(options)}\n"
        return try Topology.parse(yaml, file: "t.yaml", directory: "/etc", host: nil).topology.services[0]
    }

    private func complaint(_ lines: String) -> String {
        do {
            let service = try service(lines)
            return "accepted: \(service.resources)"
        } catch {
            return "\(error)"
        }
    }

    @Test func readsEveryKey() throws {
        let resources = try service(
            ", cpu_weight: 50, cpu_limit: 25%, memory: 256MiB, rate: 800Mbit/s, burst: 1MiB, violations: 7"
        ).resources
        #expect(resources.cpuWeight == 50 && resources.cpuPercent == 25 && resources.memoryByteCount == 256 << 20)
        #expect(resources.rate == .init(bytesPerSecond: 100_000_000, burstBytes: 1 << 20))
        #expect(resources.violations == 7)
    }

    @Test func hasDefaults() throws {
        let service = try service("")
        #expect(service.resources == Topology.Resources())
        #expect(service.memoryByteCount == (64 + 16 + 128) << 20)
        #expect(try self.service("", options: ", options: {connections: 1024, receive_pool_kib: 1024}").memoryByteCount == 67 << 20)
        // A tenth of a second, within what a bucket may hold.
        #expect(try self.service(", rate: 1GB/s").resources.rate?.burstBytes == 100_000_000)
        #expect(try self.service(", rate: 8kB/s").resources.rate?.burstBytes == 256 << 10)
    }

    @Test(arguments: [
        (", cpu_weight: 0", "1 to 10000"), (", cpu_limit: 0%", "1% to 100%"), (", cpu_limit: 50", "such as 50%"),
        (", cpu_limit: 101%", "1% to 100%"), (", memory: 256", "such as 512KiB"), (", memory: 1MiB", "8MiB to 1TiB"),
        (", memory: 9999999999999GiB", "such as"), (", rate: 100MB", "such as 100MB/s"), (", rate: 1bit/s", "8000B/s"),
        (", burst: 1MiB", "burst without rate"), (", rate: 1MB/s, burst: 1KiB", "64KiB to 1GiB"),
        (", violations: 0", "1 to 1000000"), (", cpu_wieght: 5", "did you mean cpu_weight"),
    ])
    func saysWhatIsWrong(lines: String, expected: String) {
        #expect(complaint(lines).contains(expected), "\(complaint(lines))")
        #expect(complaint(lines).contains("t.yaml:3:"))
    }

    @Test func unitsAreReadAsTheyAreWritten() {
        let rates = ["1B/s": 1, "8bit/s": 1, "1kbit/s": 125, "10Gbit/s": 1_250_000_000, "2KiB/s": 2048, "3MB/s": 3_000_000]
        for (text, value) in rates { #expect(TopologyUnits.bytesPerSecond(text) == value, "\(text)") }
        for text in ["", "/s", "B/s", "1", "-1B/s", "1 MB/s", "1Mb/s", "1MB/S", "1MB/s/s"] {
            #expect(TopologyUnits.bytesPerSecond(text) == nil, "\(text)")
        }
    }

    @Test(arguments: [(100, 0), (80, 1), (125, -1), (10, 10), (1_000, -10), (1, 19), (10_000, -20)])
    func aWeightIsANiceValue(weight: Int, niceness: Int32) {
        var resources = Topology.Resources()
        resources.cpuWeight = weight
        #expect(resources.niceness == niceness)
    }

    @Test func theRateReachesEgress() {
        let rate = SlotAttachment.Rate(bytesPerSecond: 5_000, burstBytes: 70_000)
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1) { $0.resources.rate = rate })
        scene.settle()
        #expect(scene.steering.admitted[0]?.rate == rate)
    }
}

@Suite struct ViolationTests {
    private func scene(_ limit: Int = 100) -> SlotScene {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1) { $0.resources.violations = limit })
        scene.settle()
        return scene
    }

    private func violates(_ scene: SlotScene, _ count: UInt64) {
        scene.steering.violations[0] = count
        scene.table.handle(.violation(slot: 0, cause: "egress_drop_source"), at: scene.now)
    }

    @Test func anNFThatGoesOnIsEnded() {
        let scene = scene()
        scene.client("10.0.0.1", takes: 0)
        violates(scene, 99)
        #expect(scene.state(0) == .bound)
        violates(scene, 100)
        #expect(scene.state(0) == .dead)
        #expect(scene.process(0).isKilled)
        #expect(scene.pool.ended == [.violation: 1])
    }

    @Test func whatFollowsTheEventOfASecondIsCountedToo() {
        let scene = scene()
        violates(scene, 1)
        scene.steering.violations[0] = 1_000_000
        scene.advance(milliseconds: SlotTable.Limit.violationLookMilliseconds)
        #expect(scene.pool.ended == [.violation: 1])
    }

    @Test func aFewNowAndThenAreForgiven() {
        let scene = scene(10)
        for minute in 1...20 as ClosedRange<UInt64> {
            violates(scene, minute * 9)
            scene.advance(milliseconds: ViolationWatch.windowMilliseconds)
        }
        #expect(scene.state(0) == .idle)
        #expect(scene.table.violating.isEmpty)
        #expect(scene.pool.ended.isEmpty)
    }

    @Test func theNextProcessOfTheSlotBeginsAtZero() {
        let scene = scene()
        violates(scene, 100)
        #expect(scene.pool.ended == [.violation: 1])
        scene.dies(0)
        scene.advance()
        // The slot's counters are still those of the process before.
        violates(scene, 101)
        #expect(scene.pool.ended == [.violation: 1])
        scene.makeReady(0)
        scene.steering.violations[0] = 0
        violates(scene, 99)
        #expect(scene.state(0) == .idle)
        violates(scene, 100)
        #expect(scene.pool.ended == [.violation: 2])
    }

    @Test func aKillForMemoryIsToldFromACrash() {
        let scene = scene()
        scene.client("10.0.0.1", takes: 0)
        scene.process(0).wasKilledForMemory = true
        scene.dies(0)
        #expect(scene.pool.ended == [.outOfMemory: 1])
    }
}

@Suite struct PolicedDeviceTests {
    @Test func withoutAPolicyThereAreNoDevicesAndNoProcess() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.steering.failsPolice = true
        _ = scene.table.advance(at: scene.now)
        #expect(scene.journal.take() == ["create 0", "remove devices 10 and 11"])
        #expect(scene.table[0].device == nil)
        #expect(scene.pool.ended == [.startFailed: 1])
    }

    @Test func anNFWhoseEgressProgramIsTakenOffEndsAndItsDevicesGo() {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))
        scene.settle()
        _ = scene.journal.take()
        scene.table.egressRemoved(index: 10, at: scene.now)
        #expect(scene.journal.take() == ["remove devices 10 and 11", "unbind 0", "kill 0"])
        scene.dies(0)
        scene.settle()
        #expect(scene.journal.entries.contains("police 0"))
        #expect(scene.pool.ended == [.deviceLost: 1])
    }
}
