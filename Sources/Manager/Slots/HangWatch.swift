/// Tells a process that stands still from one that sleeps.
///
/// Several looks are asked for besides the time, so that a host that paused as a whole accuses nobody.
struct HangWatch {
    static let limitMilliseconds = 1_000
    static let minimumLooks = 4

    private var heartbeat: UInt64 = 0
    private var stillSince: MonotonicTime?
    private var looks = 0
    private var pendingSince: MonotonicTime?
    private var pendingLooks = 0
    /// The slot's count of frames before this process.
    private var deliveredBefore: UInt64 = 0
    /// Frames that the kernel counted as delivered and the process, alive, did not get: its socket had no room.
    private var lost: UInt64 = 0

    init(deliveredBefore: UInt64 = 0) { self.deliveredBefore = deliveredBefore }

    /// - Parameters:
    ///   - received: Frames the process has read so far.
    ///   - delivered: Frames the kernel gave the slot so far; asked only when it matters.
    /// - Returns: Whether the process hangs.
    mutating func look(
        heartbeat: UInt64, isAsleep: Bool, received: UInt64, at now: MonotonicTime, delivered: () -> UInt64?
    ) -> Bool {
        guard heartbeat == self.heartbeat, let stillSince else {
            let isFirst = self.stillSince == nil
            self.heartbeat = heartbeat
            self.stillSince = now
            (looks, pendingSince, pendingLooks) = (0, nil, 0)
            if !isFirst { lost = unread(received, delivered) ?? lost }
            return false
        }
        looks += 1
        guard isAsleep else {
            return looks >= Self.minimumLooks && now - stillSince >= .milliseconds(Self.limitMilliseconds)
        }
        // Asleep is right as long as nothing waits for it. To ask costs a system call: with a thousand NFs asleep, ask now
        // and then, and when there is a suspicion, often.
        let interval = pendingLooks > 0 || looks < 8 ? 2 : 8
        guard looks % interval == 1, let unread = unread(received, delivered), unread > lost else { return false }
        pendingLooks += 1
        let since = pendingSince ?? now
        pendingSince = since
        return pendingLooks >= Self.minimumLooks / 2 && now - since >= .milliseconds(Self.limitMilliseconds)
    }

    private func unread(_ received: UInt64, _ delivered: () -> UInt64?) -> UInt64? {
        guard let count = delivered() else { return nil }
        let all = deliveredBefore &+ received
        return count > all ? count - all : 0
    }
}
