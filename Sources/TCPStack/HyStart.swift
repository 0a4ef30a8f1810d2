/// HyStart++ (RFC 9406): leaves slow start when the round trip grows, before queues overflow. Times in nanoseconds.
struct HyStart: BitwiseCopyable {
    /// The round ends when this is acknowledged.
    private var roundEnd = SequenceNumber(0)
    private var lastRoundMinimum: UInt32 = .max
    private var roundMinimum: UInt32 = .max
    /// The round trip that conservative slow start began with; zero while in slow start.
    private var baseline: UInt32 = 0
    private var sampleCount: UInt8 = 0
    private var conservativeRounds: UInt8 = 0

    private static let sampleLimit: UInt8 = 8
    private static let roundLimit: UInt8 = 5
    private static let growthDivisor: UInt32 = 4

    /// How much of an acknowledgment the window grows by.
    func growth(_ byteCount: UInt32) -> UInt32 { baseline == 0 ? byteCount : byteCount / Self.growthDivisor }

    /// Takes one acknowledgment in slow start (§4.2). True when slow start is over.
    mutating func acknowledge(
        _ acknowledgment: SequenceNumber, sendNext: SequenceNumber, roundTrip: UInt64
    ) -> Bool {
        if roundEnd < acknowledgment {
            if endRound(sendNext) { return true }
        }
        guard roundTrip != 0 else { return false }
        roundMinimum = min(roundMinimum, UInt32(clamping: roundTrip))
        sampleCount = min(sampleCount, 254) + 1
        guard sampleCount >= Self.sampleLimit, roundMinimum != .max else { return false }
        if baseline == 0 {
            guard lastRoundMinimum != .max else { return false }
            let threshold = min(max(lastRoundMinimum / 8, 4_000_000), 16_000_000)
            if roundMinimum >= lastRoundMinimum &+ threshold {
                baseline = roundMinimum
                conservativeRounds = 0
            }
        } else if roundMinimum < baseline {
            // It was jitter: go on with slow start.
            baseline = 0
        }
        return false
    }

    private mutating func endRound(_ sendNext: SequenceNumber) -> Bool {
        roundEnd = sendNext
        lastRoundMinimum = roundMinimum
        roundMinimum = .max
        sampleCount = 0
        guard baseline != 0 else { return false }
        conservativeRounds &+= 1
        return conservativeRounds >= Self.roundLimit
    }

    /// Slow start begins at `sendNext`.
    init(sendNext: SequenceNumber) { roundEnd = sendNext }
}
