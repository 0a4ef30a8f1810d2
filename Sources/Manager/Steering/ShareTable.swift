internal import CBPFTypes

/// Maglev's consistent hashing (NSDI '16 §3.4): slots get equal shares, and a change of the set moves few other clients.
enum ShareTable {
    static let size = Int(ONVM_SHARE_TABLE_SIZE)

    /// Slot + 1 for each entry; all 0 without slots.
    static func entries(of slots: [UInt32]) -> [UInt32] {
        let slots = slots.sorted()
        var entries = [UInt32](repeating: 0, count: size)
        guard !slots.isEmpty else { return entries }
        var positions = slots.map { Int(hash($0, seed: 1) % UInt64(size)) }
        let steps = slots.map { Int(hash($0, seed: 2) % UInt64(size - 1)) + 1 }
        var filled = 0
        while true {
            // Each slot in turn takes the next free place of its own permutation.
            for index in slots.indices {
                while entries[positions[index]] != 0 { positions[index] = (positions[index] + steps[index]) % size }
                entries[positions[index]] = slots[index] + 1
                filled += 1
                if filled == size { return entries }
            }
        }
    }

    /// SplitMix64's finalizer.
    private static func hash(_ slot: UInt32, seed: UInt64) -> UInt64 {
        var value = (UInt64(slot) + 1) &* 0x9E37_79B9_7F4A_7C15 &+ seed &* 0xD1B5_4A32_D192_ED03
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
