extension Steering: SlotSteering {
    func deliveredFrameCount(slot: UInt32) -> UInt64? {
        try? slotCounters(slot).first { $0.name == "delivered" }?.value
    }
}
