import ControlAPI
import Handover
import Testing

@testable import Manager

@Suite struct ProcessorWatchTests {
    /// A bound NF that is looked at every 200 ms.
    private final class Bench {
        let scene = SlotScene(SlotScene.service(idle: 1, max: 1))

        init() {
            scene.settle()
            scene.client("10.0.0.1", takes: 0)
            scene.process(0).processorNanoseconds = 0
            scene.process(0).words[.accepted] = 1
            scene.steering.frames[0] = 0
            scene.advance()
            _ = scene.journal.take()
        }

        /// - Returns: What was done about its weight in so many turns.
        func turns(_ count: Int, used: UInt64, waited: UInt64 = 0, frames: UInt64 = 0) -> [String] {
            for _ in 0..<count {
                scene.process(0).processorNanoseconds! += used * 1_000_000
                scene.process(0).waitedNanoseconds += waited * 1_000_000
                scene.process(0).words[.heartbeat, default: 0] += 1
                scene.steering.frames[0]! += frames
                scene.advance(milliseconds: SlotTable.Limit.watchMilliseconds)
            }
            return scene.journal.take()
        }
    }

    @Test func oneThatSpinsHasLessWeightUntilItRests() {
        let bench = Bench()
        #expect(bench.turns(2, used: 200).isEmpty)
        #expect(bench.turns(3, used: 200) == ["lower 0"])
        // It gets little now, and wants all: that is no rest.
        #expect(bench.turns(20, used: 2, waited: 198).isEmpty)
        #expect(bench.turns(2, used: 2).isEmpty)
        #expect(bench.turns(5, used: 2) == ["raise 0"])
        #expect(bench.turns(20, used: 2, waited: 198).isEmpty, "to wait is no crime")
        #expect(bench.scene.state(0) == .bound)
    }

    @Test func amongManyThatSpinEachIsSeen() {
        let bench = Bench()
        // A fiftieth of a core is what each gets.
        #expect(bench.turns(5, used: 4, waited: 196) == ["lower 0"])
    }

    @Test func oneThatHasToWaitIsNotBlamed() {
        let bench = Bench()
        #expect(bench.turns(50, used: 4, waited: 196, frames: 20).isEmpty)
    }

    @Test func oneThatWorksKeepsItsWeight() {
        let bench = Bench()
        // A whole core, and 100 µs a frame.
        #expect(bench.turns(50, used: 200, frames: 2_000).isEmpty)
        // A burst of computing now and then.
        for _ in 0..<20 { #expect(bench.turns(2, used: 200).isEmpty && bench.turns(1, used: 10).isEmpty) }
        #expect(bench.turns(50, used: 39).isEmpty)
    }

    @Test func theNextProcessHasAllOfIt() {
        let bench = Bench()
        #expect(bench.turns(5, used: 200) == ["lower 0"])
        bench.scene.dies(0)
        bench.scene.settle()
        #expect(!bench.scene.table[0].processor.isLowered)
    }

    @Test func withoutAGroupNothingIsAsked() {
        let bench = Bench()
        bench.scene.process(0).processorNanoseconds = nil
        bench.scene.advance(milliseconds: 5_000)
        #expect(bench.scene.journal.take().isEmpty)
    }
}
