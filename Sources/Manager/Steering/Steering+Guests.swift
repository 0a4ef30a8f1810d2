internal import BPF
internal import CBPFTypes

/// Clients that share a slot with the one that took it (overflow share). Nothing new drives one away, so those that left have
/// to be taken out: `steer` notes when it saw each last.
extension Steering {
    /// Forgets guests that were not seen for that long.
    /// - Parameter now: CLOCK_MONOTONIC, nanoseconds.
    public func removeGuests(of service: UInt8, unseenFor nanoseconds: UInt64, at now: UInt64) throws {
        let step = UInt64(ONVM_LAST_SEEN_STEP)
        let oldest = UInt32(truncatingIfNeeded: now / step) &- UInt32(clamping: nanoseconds / step)
        try removeGuests { guest in
            guard guest.slot < limits.slots, maps.slots[Int(guest.slot)].service == service else { return false }
            return Int32(bitPattern: guest.seen &- oldest) < 0
        }
    }

    /// A full look at the table of bindings, which holds no more than guests and slots.
    func removeGuests(where isGone: (onvm_binding) -> Bool) throws {
        for key in maps.bindings.keys {
            guard let guest = maps.bindings.value(for: key), guest.bucket != ONVM_NO_BUCKET, isGone(guest) else { continue }
            // Whoever deletes it takes it out of the counts: here or in `steer`.
            guard try maps.bindings.remove(key) else { continue }
            maps.served.decrement(Int(guest.bucket))
            guard guest.slot < limits.slots else { continue }
            let slot = Int(guest.slot)
            guard SlotState(word: maps.slots[slot].state).generation == guest.generation else { continue }
            maps.slots.decrement(slot, offset: MemoryLayout<onvm_slot>.offset(of: \.guests) ?? 0)
        }
    }
}
