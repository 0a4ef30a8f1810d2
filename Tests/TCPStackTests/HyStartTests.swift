import Testing

@testable import TCPStack

/// HyStart++ (RFC 9406 §4.2) round by round.
@Suite struct HyStartTests {
    /// Rounds of eight acknowledgments with these round-trip times in milliseconds; the round in which slow start ended.
    private func endingRound(_ milliseconds: [UInt64]) -> Int? {
        var hyStart = HyStart(sendNext: SequenceNumber(0))
        var acknowledged: UInt32 = 0
        for (round, time) in milliseconds.enumerated() {
            for _ in 0..<8 {
                acknowledged += 100
                let isOver = hyStart.acknowledge(
                    SequenceNumber(acknowledged), sendNext: SequenceNumber(UInt32(round + 1) * 800),
                    roundTrip: time * 1_000_000)
                if isOver { return round }
            }
        }
        return nil
    }

    @Test func aSteadyRoundTripStays() {
        #expect(endingRound([40, 40, 41, 42, 40, 42, 41, 40, 40, 40]) == nil)
    }

    /// An eighth more begins conservative slow start; five rounds later it is over.
    @Test func aGrowingRoundTripLeaves() {
        #expect(endingRound([40, 40, 46, 46, 46, 46, 46, 46, 46]) == 7)
    }

    /// The round trip falls below where conservative slow start began: it was jitter.
    @Test func jitterDoesNotLeave() {
        #expect(endingRound([40, 40, 46, 44, 40, 40, 40, 40, 40, 40, 40]) == nil)
    }

    @Test func conservativeGrowthIsAQuarter() {
        var hyStart = HyStart(sendNext: SequenceNumber(0))
        #expect(hyStart.growth(1_000) == 1_000)
        for round in UInt32(0)..<3 {
            for step in UInt32(1)...8 {
                _ = hyStart.acknowledge(
                    SequenceNumber(round * 800 + step * 100), sendNext: SequenceNumber((round + 1) * 800),
                    roundTrip: round == 2 ? 60_000_000 : 40_000_000)
            }
        }
        #expect(hyStart.growth(1_000) == 250)
    }
}

/// CUBIC's curve (RFC 9438 §4).
@Suite struct CubicTests {
    private let segmentSize: UInt32 = 1_000

    @Test func reductionIsBetaAndFastConvergenceLess() {
        var cubic = Cubic(segmentSize: segmentSize, sendNext: SequenceNumber(0))
        cubic.setWindow(100_000)
        cubic.reduce(segmentSize: segmentSize)
        #expect(cubic.window == 70_000 && cubic.slowStartThreshold == 70_000)
        // Reaches the old maximum again after K = cbrt(30 / 0.4) = 4.2 s.
        var now: UInt64 = 1_000_000_000
        var reachedAt: UInt64 = 0
        for _ in 0..<200 {
            now += 50_000_000
            cubic.grow(
                cubic.window, at: Instant(nanoseconds: now), smoothedRoundTrip: 50_000_000, segmentSize: segmentSize)
            if reachedAt == 0 && cubic.window >= 99_500 { reachedAt = now }
        }
        #expect(reachedAt > 3_000_000_000 && reachedAt < 5_500_000_000, "\(reachedAt)")
    }

    @Test func undoRestores() {
        var cubic = Cubic(segmentSize: segmentSize, sendNext: SequenceNumber(0))
        cubic.setWindow(50_000)
        cubic.collapse(isFirst: true, segmentSize: segmentSize)
        #expect(cubic.window == 1_000 && cubic.slowStartThreshold == 35_000)
        cubic.undo()
        #expect(cubic.window == 50_000 && cubic.slowStartThreshold == .max)
    }

    @Test func theWindowHasABottomAndATop() {
        var cubic = Cubic(segmentSize: segmentSize, sendNext: SequenceNumber(0))
        for _ in 0..<50 { cubic.reduce(segmentSize: segmentSize) }
        #expect(cubic.window == 2_000)
        cubic.setWindow(1 << 30 - 1)
        cubic.leaveSlowStart()
        for second in UInt64(1)..<100 {
            cubic.grow(
                1 << 29, at: Instant(nanoseconds: second * 1_000_000_000), smoothedRoundTrip: 1_000_000,
                segmentSize: segmentSize)
        }
        #expect(cubic.window <= 1 << 30)
    }
}
