import Glibc

/// Anonymous memory of a fixed size. The kernel gives it page by page when it is first touched, so a large capacity
/// that is not used costs address space only.
@safe struct AnonymousMemory: ~Copyable {
    let base: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) throws(WebServerError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let mapped = unsafe mmap(nil, max(byteCount, 1), PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { throw .memory(errno) }
        unsafe base = mapped
        self.byteCount = byteCount
    }

    deinit { _ = unsafe munmap(base, max(byteCount, 1)) }
}

/// A table of fixed capacity whose elements start as zeros.
@safe struct FixedTable<Element: BitwiseCopyable>: ~Copyable {
    private let memory: AnonymousMemory
    private let elements: UnsafeMutablePointer<Element>
    let capacity: Int

    init(capacity: Int) throws(WebServerError) {
        memory = try AnonymousMemory(byteCount: capacity * MemoryLayout<Element>.stride)
        // Safe: the mapping is page-aligned, large enough, and used for this type only.
        unsafe elements = memory.base.bindMemory(to: Element.self, capacity: capacity)
        self.capacity = capacity
    }

    subscript(index: UInt32) -> Element {
        unsafeAddress {
            precondition(index < capacity)
            // Safe: index < capacity.
            return unsafe UnsafePointer(elements + Int(index))
        }
        unsafeMutableAddress {
            precondition(index < capacity)
            // Safe: index < capacity.
            return unsafe elements + Int(index)
        }
    }
}

/// A fixed table of slots that are given out and taken back, the last one back first out: memory never touched is the
/// last to be used.
struct Pool<Element: BitwiseCopyable>: ~Copyable {
    private var elements: FixedTable<Element>
    private var indices: IndexPool

    init(capacity: Int) throws(WebServerError) {
        let elements = try FixedTable<Element>(capacity: capacity)
        indices = try IndexPool(capacity: capacity)
        self.elements = elements
    }

    var usedCount: Int { indices.usedCount }
    var freeCount: Int { indices.freeCount }
    var highWater: Int { indices.highWater }

    mutating func allocate(_ element: Element) -> UInt32? {
        guard let index = indices.allocate() else { return nil }
        elements[index] = element
        return index
    }

    mutating func free(_ index: UInt32) { indices.free(index) }

    subscript(index: UInt32) -> Element {
        unsafeAddress { unsafe UnsafePointer(elements.address(index)) }
        unsafeMutableAddress { unsafe elements.address(index) }
    }
}

extension FixedTable {
    func address(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        precondition(index < capacity)
        // Safe: index < capacity.
        return unsafe elements + Int(index)
    }
}

/// Which of `0..<capacity` are in use: a free list in a table of links, and a mark of how far it was ever used.
struct IndexPool: ~Copyable {
    private var links: FixedTable<UInt32>
    private var firstFree = UInt32.max
    private(set) var highWater = 0
    private(set) var usedCount = 0

    init(capacity: Int) throws(WebServerError) {
        links = try FixedTable(capacity: capacity)
    }

    var freeCount: Int { links.capacity &- usedCount }

    mutating func allocate() -> UInt32? {
        if firstFree != .max {
            let index = firstFree
            firstFree = links[index]
            usedCount &+= 1
            return index
        }
        guard highWater < links.capacity else { return nil }
        highWater &+= 1
        usedCount &+= 1
        return UInt32(truncatingIfNeeded: highWater &- 1)
    }

    mutating func free(_ index: UInt32) {
        assert(index < highWater && usedCount > 0)
        links[index] = firstFree
        firstFree = index
        usedCount &-= 1
    }
}
