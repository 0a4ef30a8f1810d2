/// Tells a process that stands still from one that sleeps.
///
/// Several looks are asked for besides the time, so that a host that paused as a whole accuses nobody.
struct HangWatch {
    static let limitMilliseconds = 1_000
    static let minimumLooks = 4

    private var heartbeat: UInt64 = 0
    private var stillSince: MonotonicTime?
    private var looks = 0
    private var deliveredBefore: UInt64?
    private var pendingSince: MonotonicTime?
    private var pendingLooks = 0

    /// - Parameter delivered: Frames the kernel gave the process so far; asked only when it matters.
    /// - Returns: Whether the process hangs.
    mutating func look(
        heartbeat: UInt64, isAsleep: Bool, at now: MonotonicTime, delivered: () -> UInt64?
    ) -> Bool {
        guard heartbeat == self.heartbeat, let stillSince else {
            self = HangWatch()
            self.heartbeat = heartbeat
            self.stillSince = now
            return false
        }
        looks += 1
        guard isAsleep else { return looks >= Self.minimumLooks && now - stillSince >= .milliseconds(Self.limitMilliseconds) }
        // Asleep is right as long as nothing waits for it. Its own count of frames would not tell: frames that its
        // socket had no room for are in the kernel's only.
        guard looks % 2 == 1, let count = delivered() else { return false }
        guard let before = deliveredBefore else {
            deliveredBefore = count
            return false
        }
        guard count > before else { return false }
        pendingLooks += 1
        let since = pendingSince ?? now
        pendingSince = since
        return pendingLooks >= Self.minimumLooks / 2 && now - since >= .milliseconds(Self.limitMilliseconds)
    }
}
