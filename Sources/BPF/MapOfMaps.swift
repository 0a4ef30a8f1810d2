import CXDP
public import Linux

/// An array whose elements are maps (BPF_MAP_TYPE_ARRAY_OF_MAPS).
///
/// Setting an element waits for programs that still use the old one (an RCU grace period, about 20 ms).
public struct MapOfMaps: ~Copyable {
    public let descriptor: FileDescriptor
    public let name: String

    public init(owning descriptor: consuming FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    public func set(_ index: UInt32, to inner: borrowing FileDescriptor) throws(BPFError) {
        var key = index
        var value = UInt32(bitPattern: inner.rawValue)
        let result = unsafe bpf_map_update_elem(descriptor.rawValue, &key, &value, 0)
        guard result == 0 else { throw BPFError("set map \(name)", errno: Errno(rawValue: -result)) }
    }

    public func remove(_ index: UInt32) {
        var key = index
        _ = unsafe bpf_map_delete_elem(descriptor.rawValue, &key)
    }
}
