import CXDP
import Glibc
public import Linux

/// A hash or array map with typed keys and values.
///
/// A C struct is a valid key only without hidden padding: the kernel compares keys byte by byte.
public struct Map<Key: BitwiseCopyable, Value: BitwiseCopyable>: ~Copyable {
    public let descriptor: FileDescriptor
    public let name: String

    public init(owning descriptor: consuming FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// What an update may find (bpf(2), BPF_MAP_UPDATE_ELEM).
    public enum Existing: UInt64, Sendable {
        case any = 0
        case absent = 1
        case present = 2
    }

    public func value(for key: Key) -> Value? where Value: BitwiseCopyable {
        var key = key
        return unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { space in
            guard let value = space.baseAddress else { return nil }
            guard unsafe bpf_map_lookup_elem(descriptor.rawValue, &key, value) == 0 else { return nil }
            return unsafe value.pointee
        }
    }

    public func update(_ key: Key, _ value: Value, existing: Existing = .any) throws(BPFError) {
        var key = key
        var value = value
        let result = unsafe bpf_map_update_elem(descriptor.rawValue, &key, &value, existing.rawValue)
        guard result == 0 else { throw BPFError("update map \(name)", errno: Errno(rawValue: -result)) }
    }

    /// - Returns: whether the key was there.
    @discardableResult
    public func remove(_ key: Key) throws(BPFError) -> Bool {
        var key = key
        let result = unsafe bpf_map_delete_elem(descriptor.rawValue, &key)
        guard result == 0 || result == -ENOENT else {
            throw BPFError("delete from map \(name)", errno: Errno(rawValue: -result))
        }
        return result == 0
    }

    /// All keys; one that is added or removed meanwhile may be missed or seen twice.
    public var keys: [Key] {
        var keys: [Key] = []
        unsafe withUnsafeTemporaryAllocation(of: Key.self, capacity: 2) { space in
            guard let next = space.baseAddress else { return }
            let current = unsafe next + 1
            var result = unsafe bpf_map_get_next_key(descriptor.rawValue, nil, next)
            while result == 0 {
                keys.append(unsafe next.pointee)
                unsafe current.pointee = unsafe next.pointee
                result = unsafe bpf_map_get_next_key(descriptor.rawValue, current, next)
            }
        }
        return keys
    }
}

/// A per-CPU array whose values are structs of 64-bit counters, or one.
public struct PerCPUCounters: ~Copyable {
    public let descriptor: FileDescriptor
    public let name: String
    /// How many counters an element has.
    public let count: Int

    public init(owning descriptor: consuming FileDescriptor, name: String, count: Int) {
        self.descriptor = descriptor
        self.name = name
        self.count = count
    }

    /// The counters of one element, summed over all CPUs.
    public func sums(of index: UInt32) throws(BPFError) -> [UInt64] {
        let processors = Int(libbpf_num_possible_cpus())
        guard processors > 0 else { throw BPFError("count CPUs", errno: Errno(rawValue: -CInt(processors))) }
        var key = index
        var values = [UInt64](repeating: 0, count: count * processors)
        let result = unsafe bpf_map_lookup_elem(descriptor.rawValue, &key, &values)
        guard result == 0 else { throw BPFError("read map \(name)", errno: Errno(rawValue: -result)) }
        return (0..<count).map { counter in
            stride(from: counter, to: values.count, by: count).reduce(0) { $0 &+ values[$1] }
        }
    }

    /// Sets one element to zero on all CPUs.
    public func reset(_ index: UInt32) throws(BPFError) {
        var key = index
        let values = [UInt64](repeating: 0, count: count * max(Int(libbpf_num_possible_cpus()), 1))
        let result = unsafe bpf_map_update_elem(descriptor.rawValue, &key, values, 0)
        guard result == 0 else { throw BPFError("reset map \(name)", errno: Errno(rawValue: -result)) }
    }
}

/// A first-in-first-out queue (BPF_MAP_TYPE_QUEUE).
public struct Queue<Element: BitwiseCopyable>: ~Copyable {
    public let descriptor: FileDescriptor

    /// Creates a queue that no program knows yet.
    public init(capacity: UInt32, name: String) throws(BPFError) {
        let result = unsafe bpf_map_create(
            BPF_MAP_TYPE_QUEUE, name, 0, UInt32(MemoryLayout<Element>.size), capacity, nil)
        guard result >= 0 else { throw BPFError("create map \(name)", errno: Errno(rawValue: -result)) }
        descriptor = FileDescriptor(owning: result)
    }

    public func push(_ element: Element) throws(BPFError) {
        var element = element
        let result = unsafe bpf_map_update_elem(descriptor.rawValue, nil, &element, 0)
        guard result == 0 else { throw BPFError("push to a queue", errno: Errno(rawValue: -result)) }
    }

    public func pop() -> Element? {
        unsafe withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { space in
            guard let element = space.baseAddress else { return nil }
            guard unsafe bpf_map_lookup_and_delete_elem(descriptor.rawValue, nil, element) == 0 else { return nil }
            return unsafe element.pointee
        }
    }
}
