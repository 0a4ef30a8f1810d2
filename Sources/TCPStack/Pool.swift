/// "No element" in the links between elements of fixed tables.
let noIndex = UInt32.max

/// An element that keeps the link of a free list while it is free.
protocol PoolElement: ~Copyable {
    var next: UInt32 { get set }
}

/// Elements of a fixed table, handed out and taken back: the last one freed first (it is in the cache), and an element
/// never used only when none was freed.
struct Pool<Element: PoolElement & ~Copyable>: ~Copyable {
    private let memory: MappedTable<Element>
    let elements: Table<Element>
    private var firstFree = noIndex
    private var untouched: UInt32 = 0
    private(set) var freeCount: Int
    /// How many of the free ones are kept for uses that cannot do without.
    let reserve: Int

    init(capacity: Int, reserve: Int = 0) {
        memory = MappedTable(capacity: capacity)
        elements = memory.elements
        freeCount = capacity
        self.reserve = reserve
    }

    var capacity: Int { memory.capacity }
    /// No element from here on was ever handed out.
    var usedLimit: UInt32 { untouched }

    /// An element whose content is whatever it was when freed; nil when all are in use.
    mutating func take() -> UInt32? {
        if firstFree != noIndex {
            let index = firstFree
            firstFree = elements[index].next
            freeCount &-= 1
            return index
        }
        guard untouched < memory.capacity else { return nil }
        untouched &+= 1
        freeCount &-= 1
        return untouched &- 1
    }

    mutating func give(_ index: UInt32) {
        elements[index].next = firstFree
        firstFree = index
        freeCount &+= 1
    }
}
