/// Tells an NF that works for its clients from one that only keeps a core busy, by what the kernel counts: its own telemetry may
/// say anything.
///
/// One that keeps a core busy is not ended, as it may be computing; its weight is lowered until it rests, so that a wake-up of
/// a neighbour comes first.
struct ProcessorWatch {
    /// A part of the time is nobody's business, and so is a multiple of what a frame takes.
    static let freeShare: UInt64 = 100
    static let nanosecondsPerFrame: UInt64 = 200_000
    /// One that wants less of the time than this rests enough, whatever it does with the rest.
    static let restingShare: UInt64 = 5
    static let intervalMilliseconds = 150
    static let looks = 3
    /// What is left of the weight.
    static let divisor = 10

    private(set) var isLowered = false
    private var since: MonotonicTime?
    private var used: UInt64 = 0
    /// Not known while there was no reason to ask.
    private var before: (waited: UInt64, frames: UInt64)?
    private var count = 0

    /// - Parameters:
    ///   - used: Time on a core so far, in nanoseconds.
    ///   - waited: Time it was ready to run and did not, so far: among many that spin each gets little, and wants all.
    ///   - frames: Frames that came for it and that left, so far. Both are asked only when it matters.
    /// - Returns: Whether the weight is to be changed (see `isLowered`).
    mutating func look(
        used: UInt64, at now: MonotonicTime, waited: () -> UInt64, frames: () -> UInt64?
    ) -> Bool {
        guard let since else {
            (self.since, self.used) = (now, used)
            return false
        }
        let elapsed = now - since
        guard elapsed >= .milliseconds(Self.intervalMilliseconds) else { return false }
        let usedNow = used &- self.used
        (self.since, self.used) = (now, used)
        guard isLowered || usedNow > elapsed.nanoseconds / Self.freeShare, let framesNow = frames() else {
            (before, count) = (nil, 0)
            return false
        }
        let last = before
        let current = (waited: waited(), frames: framesNow)
        before = current
        guard let last else { return false }
        let wanted = usedNow &+ (current.waited &- last.waited)
        let work = (current.frames >= last.frames ? current.frames - last.frames : 0) &* Self.nanosecondsPerFrame
        let isRestless = wanted > elapsed.nanoseconds / Self.restingShare &+ (isLowered ? work : 0)
        // What it wants is not yet a fault: a core may be busy with others. What it did with its time is.
        let isBusy = isRestless && (isLowered || usedNow > elapsed.nanoseconds / Self.freeShare &+ work)
        count = isBusy != isLowered ? count + 1 : 0
        guard count >= Self.looks else { return false }
        isLowered.toggle()
        count = 0
        return true
    }
}
