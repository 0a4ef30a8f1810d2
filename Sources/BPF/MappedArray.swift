import CXDP
public import Linux
import Synchronization

/// An array map in this process's memory (BPF_F_MMAPABLE): programs and process see each other's writes at once.
@safe public struct MappedArray<Element: BitwiseCopyable>: ~Copyable {
    public let descriptor: FileDescriptor
    public let count: Int
    private let region: MappedRegion

    /// The kernel rounds elements up to eight bytes.
    private static var stride: Int { (MemoryLayout<Element>.size + 7) & ~7 }

    public init(owning descriptor: consuming FileDescriptor, count: Int) throws(BPFError) {
        let bytes = (count * Self.stride + 4095) & ~4095
        do {
            region = try MappedRegion(descriptor, byteCount: bytes)
        } catch {
            throw BPFError("map an array map", errno: error)
        }
        self.descriptor = descriptor
        self.count = count
    }

    /// Creates an array that no program knows yet.
    public init(creating name: String, count: Int) throws(BPFError) {
        var options = bpf_map_create_opts()
        options.sz = MemoryLayout<bpf_map_create_opts>.size
        options.map_flags = UInt32(BPF_F_MMAPABLE)
        let result = unsafe bpf_map_create(
            BPF_MAP_TYPE_ARRAY, name, 4, UInt32(MemoryLayout<Element>.size), UInt32(count), &options)
        guard result >= 0 else { throw BPFError("create map \(name)", errno: Errno(rawValue: -result)) }
        try self.init(owning: FileDescriptor(owning: result), count: count)
    }

    public subscript(index: Int) -> Element {
        get { unsafe address(index).load(as: Element.self) }
        nonmutating set { unsafe address(index).storeBytes(of: newValue, as: Element.self) }
    }

    /// Replaces the word at `offset` of an element if it is `expected`; atomic towards the programs' compare-and-swap.
    /// - Returns: whether it was.
    public func exchange(
        _ index: Int, offset: Int, expected: UInt64, desired: UInt64
    ) -> Bool {
        precondition(offset >= 0 && offset % 8 == 0 && offset + 8 <= Self.stride)
        // Safe: inside the element, aligned, and every other writer of the word is atomic, too.
        let word = unsafe address(index).advanced(by: offset).assumingMemoryBound(to: Atomic<UInt64>.self)
        return unsafe word.pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).exchanged
    }

    /// As above, for a half word.
    public func exchange(
        _ index: Int, offset: Int, expected: UInt32, desired: UInt32
    ) -> Bool {
        precondition(offset >= 0 && offset % 4 == 0 && offset + 4 <= Self.stride)
        // Safe: as above.
        let word = unsafe address(index).advanced(by: offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        return unsafe word.pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).exchanged
    }

    /// Adds to the word at `offset` of an element; atomic as above.
    public func add(_ amount: Int64, _ index: Int, offset: Int) {
        precondition(offset >= 0 && offset % 8 == 0 && offset + 8 <= Self.stride)
        // Safe: as above.
        let word = unsafe address(index).advanced(by: offset).assumingMemoryBound(to: Atomic<Int64>.self)
        unsafe word.pointee.wrappingAdd(amount, ordering: .sequentiallyConsistent)
    }

    /// Sets the half word at `offset` of an element and leaves the rest to whoever writes it.
    public func set(_ value: UInt32, _ index: Int, offset: Int) {
        precondition(offset >= 0 && offset % 4 == 0 && offset + 4 <= Self.stride)
        // Safe: as above.
        let word = unsafe address(index).advanced(by: offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        unsafe word.pointee.store(value, ordering: .sequentiallyConsistent)
    }

    /// Subtracts one from the first word of an element.
    public func decrement(_ index: Int) {
        precondition(Self.stride >= 8)
        // Safe: as above.
        let word = unsafe address(index).assumingMemoryBound(to: Atomic<UInt64>.self)
        unsafe word.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }

    /// Subtracts one from the half word at `offset` of an element.
    public func decrement(_ index: Int, offset: Int) {
        precondition(offset >= 0 && offset % 4 == 0 && offset + 4 <= Self.stride)
        // Safe: as above.
        let word = unsafe address(index).advanced(by: offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        unsafe word.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }

    private func address(_ index: Int) -> UnsafeMutableRawPointer {
        precondition(index >= 0 && index < count, "index \(index) of \(count)")
        return unsafe region.base + index * Self.stride
    }
}
