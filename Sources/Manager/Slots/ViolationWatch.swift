/// Counts the frames that an NF sent and may not, in windows of a minute: one that was refused now and then is no reason to end
/// it, one that goes on is.
struct ViolationWatch {
    static let windowMilliseconds = 60_000

    /// The slot's count when the window began, and at the last look; nil: not known, as the slot's counters are those of the
    /// process before it until it is admitted.
    private var countAtStart: UInt64?
    private var lastCount: UInt64?
    private var start: MonotonicTime?

    init(countedBefore: UInt64? = nil) {
        countAtStart = countedBefore
        lastCount = countedBefore
    }

    /// - Returns: How many there were in this window.
    mutating func look(count: UInt64, at now: MonotonicTime) -> UInt64 {
        if start.map({ now - $0 >= .milliseconds(Self.windowMilliseconds) }) ?? true {
            start = now
            // What made somebody look is one.
            countAtStart = lastCount ?? (count &- min(count, 1))
        }
        lastCount = count
        guard let countAtStart, count > countAtStart else { return 0 }
        return count - countAtStart
    }

    /// Whether the window is over without a new one: nothing more to look for.
    func isOver(at now: MonotonicTime) -> Bool {
        start.map { now - $0 >= .milliseconds(Self.windowMilliseconds) } ?? true
    }
}
