extension Steering: SlotSteering {
    func deliveredFrameCount(slot: UInt32) -> UInt64? {
        try? slotCounters(slot).first { $0.name == "delivered" }?.value
    }

    func frameCount(slot: UInt32) -> UInt64? {
        let counters = try? slotCounters(slot)
        return counters?.reduce(0) { ["steered", "sent"].contains($1.name) ? $0 &+ $1.value : $0 }
    }

    func violationCount(slot: UInt32) -> UInt64? {
        let counters = try? slotCounters(slot)
        return counters?.reduce(0) { $1.name.hasPrefix("egress_drop_") && !Self.innocent.contains($1.name) ? $0 &+ $1.value : $0 }
    }

    /// What an NF cannot know: how fast it may send, where the routes are, by which link its client comes now.
    private static let innocent: Set = ["egress_drop_rate", "egress_drop_no_route", "egress_drop_link"]
}
