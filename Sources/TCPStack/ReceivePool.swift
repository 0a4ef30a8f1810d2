/// Memory for received bytes that no application has taken yet: a buddy allocator (Knowlton 1965) over one region, so
/// that each connection's bytes lie in one run. Nothing is touched before it holds data.
struct ReceivePool: ~Copyable {
    /// What is known about a smallest block; meaningful for the first one of a free block.
    struct Block: BitwiseCopyable {
        var next: UInt32
        var previous: UInt32
        /// Order plus one while the block is free, else zero.
        var freeOrder: UInt8
    }

    static let smallestShift = 11

    let memory: MappedTable<UInt8>
    private let blocks: MappedTable<Block>
    private var heads = InlineArray<16, UInt32>(repeating: noIndex)
    private let largestOrder: Int
    private var untouched: UInt32 = 0
    private let blockCount: UInt32
    /// Bytes in use, in whole blocks.
    private(set) var usedByteCount = 0
    private let inPlace = InPlace()

    init(byteCount: Int, largestBlock: Int) {
        var order = 0
        while 1 << (order + Self.smallestShift) < largestBlock { order += 1 }
        precondition(order < 16, "receive window too large")
        largestOrder = order
        let largest = 1 << (order + Self.smallestShift)
        let rounded = max(1, (byteCount + largest - 1) / largest) * largest
        memory = MappedTable(capacity: rounded)
        blockCount = UInt32(rounded >> Self.smallestShift)
        blocks = MappedTable(capacity: rounded >> Self.smallestShift)
    }

    var byteCount: Int { memory.capacity }
    static func byteCount(order: UInt8) -> Int { 1 &<< (Int(order) &+ smallestShift) }

    /// The order of the smallest block that holds `byteCount`; nil when none does.
    func order(for byteCount: Int) -> UInt8? {
        var order = 0
        while 1 &<< (order &+ Self.smallestShift) < byteCount { order &+= 1 }
        return order <= largestOrder ? UInt8(order) : nil
    }

    /// A block, as its number of smallest blocks from the start.
    mutating func take(order: UInt8) -> UInt32? {
        var found = Int(order)
        while found <= largestOrder && heads[found] == noIndex { found &+= 1 }
        let block: UInt32
        if found <= largestOrder {
            block = heads[found]
            unlink(block, order: found)
        } else {
            guard untouched < blockCount else { return nil }
            block = untouched
            found = largestOrder
            untouched &+= 1 &<< UInt32(largestOrder)
        }
        while found > Int(order) {
            found &-= 1
            link(block &+ (1 &<< UInt32(found)), order: found)
        }
        usedByteCount &+= Self.byteCount(order: order)
        return block
    }

    mutating func give(_ block: UInt32, order: UInt8) {
        usedByteCount &-= Self.byteCount(order: order)
        var block = block
        var order = Int(order)
        while order < largestOrder {
            let buddy = block ^ (1 &<< UInt32(order))
            guard blocks.elements[buddy].freeOrder == UInt8(order &+ 1) else { break }
            unlink(buddy, order: order)
            block = min(block, buddy)
            order &+= 1
        }
        link(block, order: order)
    }

    private mutating func link(_ block: UInt32, order: Int) {
        let head = heads[order]
        blocks.elements[block] = Block(next: head, previous: noIndex, freeOrder: UInt8(order &+ 1))
        if head != noIndex { blocks.elements[head].previous = block }
        heads[order] = block
    }

    private mutating func unlink(_ block: UInt32, order: Int) {
        let links = blocks.elements[block]
        if links.next != noIndex { blocks.elements[links.next].previous = links.previous }
        if links.previous != noIndex {
            blocks.elements[links.previous].next = links.next
        } else {
            heads[order] = links.next
        }
        blocks.elements[block].freeOrder = 0
    }
}
