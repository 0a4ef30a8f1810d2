import Glibc

/// The elements of a `MappedTable`, to be kept only beside it. They are plain data, for which all-zero is a value.
///
/// Indices come from this module's own free lists, so they are checked in debug builds only.
@safe struct Table<Element: ~Copyable> {
    fileprivate let base: UnsafeMutablePointer<Element>
    fileprivate let capacity: Int

    subscript(_ index: UInt32) -> Element {
        // Safe: the index is of an element, the owner keeps the mapping, and one thread uses it.
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address(index)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe address(index) }
    }

    @inline(__always) @unsafe private func address(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        assert(index < capacity)
        return unsafe base + Int(index)
    }
}

/// A fixed table in anonymous memory: zero at first, and no page is touched before an element in it is.
@safe struct MappedTable<Element: ~Copyable>: ~Copyable {
    let elements: Table<Element>
    var capacity: Int { elements.capacity }
    private var base: UnsafeMutablePointer<Element> { unsafe elements.base }

    init(capacity: Int) {
        precondition(capacity > 0, "a table needs an element")
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let bytes = unsafe mmap(nil, capacity * MemoryLayout<Element>.stride, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let bytes = unsafe bytes, unsafe bytes != MAP_FAILED else {
            preconditionFailure("no address space for the configured capacity")
        }
        // Safe: the mapping is page-aligned, zeroed, and as large as the table; all-zero is a value of every element.
        elements = unsafe Table(base: bytes.bindMemory(to: Element.self, capacity: capacity), capacity: capacity)
    }

    deinit { _ = unsafe munmap(base, capacity * MemoryLayout<Element>.stride) }

    /// Elements `offset..<offset + count` as bytes.
    @_lifetime(borrow self)
    func bytes(_ offset: Int, _ count: Int) -> RawSpan {
        precondition(offset >= 0 && count >= 0 && offset + count <= capacity, "range outside the table")
        // Safe: the range was checked, and the mapping lives as long as the table.
        let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base + offset), byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}

extension MappedTable where Element == UInt8 {
    /// Copies `source[range]` to `offset`.
    func write(_ source: RawSpan, _ range: Range<Int>, at offset: Int) {
        precondition(offset >= 0 && offset + range.count <= capacity, "range outside the table")
        precondition(range.lowerBound >= 0 && range.upperBound <= source.byteCount, "range outside the bytes")
        // Safe: both ranges were checked.
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe memcpy(base + offset, start + range.lowerBound, range.count)
        }
    }

    /// Moves `count` bytes inside the table; the ranges may overlap.
    func move(from source: Int, to destination: Int, count: Int) {
        precondition(source >= 0 && destination >= 0 && count >= 0, "negative range")
        precondition(source + count <= capacity && destination + count <= capacity, "range outside the table")
        // Safe: both ranges were checked.
        unsafe memmove(base + destination, base + source, count)
    }
}
