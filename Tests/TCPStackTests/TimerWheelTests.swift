import TestSupport
import Testing

@testable import TCPStack

@Suite struct TimerWheelTests {
    private static let tick: UInt64 = 1 << 18

    /// What a wheel must do, done slowly.
    private struct Model {
        var due: [UInt32: UInt64] = [:]
        var first: UInt64? { due.values.min() }
    }

    /// Random sets, cancels and steps of time: every entry comes out within a tick after its time, none before, none
    /// twice.
    @Test(arguments: 1...40)
    func agreesWithAModel(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var wheel = TimerWheel(capacity: 64)
        var model = Model()
        var now = random.next() % (1 << 50)
        wheel.start(at: Instant(nanoseconds: now))
        var problems: [String] = []
        for step in 0..<3_000 {
            let index = UInt32(random.next() % 64)
            // From a tick to days.
            let delay = random.next() % (1 << (15 + random.next() % 33))
            switch random.next() % 4 {
            case 0, 1:
                wheel.set(index, noLaterThan: now + delay)
                model.due[index] = min(model.due[index] ?? .max, now + delay)
            case 2:
                wheel.cancel(index)
                model.due[index] = nil
            default:
                if let deadline = wheel.nextDeadline, random.next() % 2 == 0 {
                    now = max(now, deadline)
                } else {
                    now += delay / 4
                }
                while let fired = wheel.expired(at: Instant(nanoseconds: now)) {
                    guard let due = model.due[fired] else {
                        problems.append("step \(step): \(fired) was not set")
                        continue
                    }
                    if due > now { problems.append("step \(step): \(fired) is early") }
                    model.due[fired] = nil
                }
                for (left, due) in model.due where due + Self.tick <= now {
                    problems.append("step \(step): \(left) is late by \((now - due) / Self.tick) ticks")
                }
            }
            if let first = model.first {
                let deadline = wheel.nextDeadline
                if deadline == nil || deadline! > first + Self.tick {
                    problems.append("step \(step): deadline too late")
                }
            }
            if !problems.isEmpty { break }
        }
        #expect(problems.isEmpty, "seed \(seed): \(problems)")
    }

    /// A driver that sleeps until `nextDeadline` wakes up a few times, not for every tick.
    @Test(arguments: [1_000_000, 40_000_000, 200_000_000, 12_800_000_000, 60_000_000_000, 7_200_000_000_000])
    func wakesSeldom(delay: UInt64) {
        var wheel = TimerWheel(capacity: 1)
        let start: UInt64 = 123_456_789_123
        wheel.start(at: Instant(nanoseconds: start))
        wheel.set(0, noLaterThan: start + delay)
        var now = start
        var wakes = 0
        while let deadline = wheel.nextDeadline, wakes < 100 {
            now = max(now, deadline)
            wakes += 1
            let fired = wheel.expired(at: Instant(nanoseconds: now))
            if fired != nil { break }
        }
        #expect(wakes <= 5)
        #expect(now >= start + delay && now <= start + delay + Self.tick)
    }
}
