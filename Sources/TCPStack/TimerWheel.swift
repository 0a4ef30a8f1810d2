/// A hierarchical timing wheel (Varghese and Lauck 1987): five levels of 64 slots, one entry a connection, O(1) to set
/// and to cancel. A tick is 2^18 ns (262 µs); the top level reaches 78 hours.
struct TimerWheel: ~Copyable {
    struct Entry: BitwiseCopyable {
        var next: UInt32
        var previous: UInt32
        private var word: UInt64

        /// When it is due, in ticks: 48 bits, two thousand years.
        var tick: UInt64 {
            get { word &>> 16 }
            set { word = newValue &<< 16 | word & 0xFFFF }
        }
        /// Slot plus one; zero is "not set", which is how untouched memory reads.
        var slot: UInt16 {
            get { UInt16(truncatingIfNeeded: word) }
            set { word = word & ~0xFFFF | UInt64(newValue) }
        }
    }

    static let tickShift: UInt64 = 18
    private static let levels = 5
    /// The furthest an entry is placed ahead; a later deadline looks again then.
    private static let reach: UInt64 = 63 << 24

    private let entries: MappedTable<Entry>
    private var heads = InlineArray<320, UInt32>(repeating: noIndex)
    private var occupied = InlineArray<5, UInt64>(repeating: 0)
    /// Every slot before this tick was emptied.
    private var currentTick: UInt64 = 0
    private var started = false
    private let inPlace = InPlace()

    init(capacity: Int) { entries = MappedTable(capacity: capacity) }

    /// Sets the clock for the first time: virtual clocks start anywhere.
    mutating func start(at now: Instant) {
        guard !started else { return }
        started = true
        currentTick = now.nanoseconds &>> Self.tickShift
    }

    /// Sets the entry, or moves it forward in time; it comes out of `expired` just after `nanoseconds` or, if it was
    /// set to an earlier time, before: whoever takes it looks what is due and sets it again. So a deadline that is put
    /// off all the time, as a retransmission timer's is, costs nothing.
    @inline(__always)
    mutating func set(_ index: UInt32, noLaterThan nanoseconds: UInt64) {
        let wanted = min(max(nanoseconds &>> Self.tickShift &+ 1, currentTick), currentTick &+ Self.reach)
        if entries.elements[index].slot != 0 {
            if entries.elements[index].tick <= wanted { return }
            cancel(index)
        }
        entries.elements[index].tick = wanted
        place(index)
    }

    /// When the entry is looked at; nil when it is not set.
    func dueTick(_ index: UInt32) -> UInt64? {
        entries.elements[index].slot == 0 ? nil : entries.elements[index].tick
    }

    private mutating func place(_ index: UInt32) {
        let distance = entries.elements[index].tick &- currentTick
        var level = 0
        while level < Self.levels - 1 && distance &>> UInt64(6 &* (level &+ 1)) != 0 { level &+= 1 }
        let position = Int(truncatingIfNeeded: entries.elements[index].tick &>> UInt64(6 &* level)) & 63
        let slot = level &* 64 &+ position
        let head = heads[slot]
        entries.elements[index].next = head
        entries.elements[index].previous = noIndex
        entries.elements[index].slot = UInt16(slot &+ 1)
        if head != noIndex { entries.elements[head].previous = index }
        heads[slot] = index
        occupied[level] |= 1 &<< UInt64(position)
    }

    mutating func cancel(_ index: UInt32) {
        let slot = Int(entries.elements[index].slot) &- 1
        guard slot >= 0 else { return }
        let next = entries.elements[index].next
        let previous = entries.elements[index].previous
        if next != noIndex { entries.elements[next].previous = previous }
        if previous != noIndex { entries.elements[previous].next = next } else { heads[slot] = next }
        if heads[slot] == noIndex { occupied[slot &>> 6] &= ~(1 &<< UInt64(slot & 63)) }
        entries.elements[index].slot = 0
    }

    /// The first tick at which something happens: an entry of level 0 exactly, a slot of a higher level when it must be
    /// spread over the lower ones. Nil when nothing is set.
    private var nextTick: UInt64? {
        var best: UInt64?
        for level in 0..<Self.levels {
            let bits = occupied[level]
            guard bits != 0 else { continue }
            let shift = UInt64(6 &* level)
            let current = currentTick &>> shift
            // Slots from the current one on; the current slot of a higher level was spread already, so an entry in it
            // is one turn ahead.
            let offset = current & 63
            let rotated = bits &>> offset | (offset == 0 ? 0 : bits &<< (64 &- offset))
            var steps = UInt64(rotated.trailingZeroBitCount)
            if level > 0 && steps == 0 {
                let others = rotated & ~1
                steps = others == 0 ? 64 : UInt64(others.trailingZeroBitCount)
                // At a slot's very start it is still to be spread.
                if currentTick & (1 &<< shift &- 1) == 0 { steps = 0 }
            }
            let tick = max((current &+ steps) &<< shift, currentTick)
            if best == nil || tick < best! { best = tick }
        }
        return best
    }

    var nextDeadline: UInt64? { nextTick.map { $0 &<< Self.tickShift } }

    /// Takes out one entry that is due, or nil.
    mutating func expired(at now: Instant) -> UInt32? {
        let nowTick = now.nanoseconds &>> Self.tickShift
        while true {
            guard let tick = nextTick, tick <= nowTick else {
                // Nothing is due before now, so the clock may jump.
                if nowTick > currentTick { advance(to: nowTick) }
                return nil
            }
            if tick > currentTick { advance(to: tick) } else { spread() }
            let index = heads[Int(truncatingIfNeeded: currentTick) & 63]
            if index != noIndex {
                cancel(index)
                return index
            }
        }
    }

    /// Moves the clock to `tick`; no slot between is occupied.
    private mutating func advance(to tick: UInt64) {
        currentTick = tick
        spread()
    }

    /// Moves the entries of higher-level slots that begin at the current tick to lower levels.
    private mutating func spread() {
        var level = Self.levels - 1
        while level > 0 {
            let shift = UInt64(6 &* level)
            let position = Int(truncatingIfNeeded: currentTick &>> shift) & 63
            if currentTick & (1 &<< shift &- 1) == 0 && occupied[level] & 1 &<< UInt64(position) != 0 {
                let slot = level &* 64 &+ position
                var index = heads[slot]
                heads[slot] = noIndex
                occupied[level] &= ~(1 &<< UInt64(position))
                while index != noIndex {
                    let next = entries.elements[index].next
                    place(index)
                    index = next
                }
            }
            level &-= 1
        }
    }
}
