/// Finds a connection by its identity: open addressing with linear probing at a load of at most one half.
/// A slot holds the hash (upper half) and the index plus one (lower half), so that a probe rarely touches a connection.
struct Demultiplexer: ~Copyable {
    private let slots: MappedTable<UInt64>
    private let mask: UInt32

    init(capacity: Int) {
        var slotCount = 64
        while slotCount < capacity * 2 { slotCount *= 2 }
        slots = MappedTable(capacity: slotCount)
        mask = UInt32(slotCount - 1)
    }

    /// The connection with this hash and identity.
    @inline(__always)
    func find(
        _ identity: ConnectionIdentity, hash: UInt32, in connections: Table<TransmissionControlBlock>
    ) -> UInt32? {
        var position = hash & mask
        while true {
            let slot = slots.elements[position]
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot &>> 32) == hash {
                let index = UInt32(truncatingIfNeeded: slot) &- 1
                if connections[index].identity == identity { return index }
            }
            position = (position &+ 1) & mask
        }
    }

    func insert(_ index: UInt32, hash: UInt32) {
        var position = hash & mask
        while slots.elements[position] != 0 { position = (position &+ 1) & mask }
        slots.elements[position] = UInt64(hash) &<< 32 | UInt64(index &+ 1)
    }

    /// Removes by shifting later entries of the run back, so that no tombstones pile up (Knuth 6.4 R).
    func remove(_ index: UInt32, hash: UInt32) {
        let wanted = UInt64(hash) &<< 32 | UInt64(index &+ 1)
        var hole = hash & mask
        while slots.elements[hole] != wanted {
            if slots.elements[hole] == 0 { return }
            hole = (hole &+ 1) & mask
        }
        var position = hole
        while true {
            position = (position &+ 1) & mask
            let slot = slots.elements[position]
            if slot == 0 { break }
            let home = UInt32(truncatingIfNeeded: slot &>> 32) & mask
            // The entry may move unless its home lies cyclically in (hole, position].
            if (position &- home) & mask >= (position &- hole) & mask {
                slots.elements[hole] = slot
                hole = position
            }
        }
        slots.elements[hole] = 0
    }
}
