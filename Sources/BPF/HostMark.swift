import CXDP
import Glibc
public import Linux

/// A name that one process has on the whole host, for as long as it holds the descriptor or has it pinned.
///
/// It is an eBPF map without content. The kernel numbers maps for the host and not for a namespace, and gives each to
/// whoever has CAP_SYS_ADMIN (bpf(2), BPF_MAP_GET_FD_BY_ID): a file below /run, an abstract Unix socket or a process ID
/// are each seen in one mount, network or PID namespace only. The name is there from the map's first moment, and gone
/// with its last holder.
public struct HostMark: ~Copyable {
    public let descriptor: FileDescriptor

    /// - Parameter name: At most 15 of letters, digits, `_` and `.` (BPF_OBJ_NAME_LEN).
    public init(_ name: String) throws(BPFError) {
        var options = bpf_map_create_opts()
        options.sz = MemoryLayout<bpf_map_create_opts>.size
        options.map_flags = UInt32(BPF_F_NO_PREALLOC)
        let result = unsafe bpf_map_create(Self.type, name, 8, 4, 1, &options)
        guard result >= 0 else { throw BPFError("create the map \(name)", errno: Errno(rawValue: -result)) }
        descriptor = FileDescriptor(owning: result)
    }

    public consuming func release() -> FileDescriptor { descriptor }

    /// A trie takes no memory before it has elements. Nobody without CAP_BPF can make one (map_create in
    /// kernel/bpf/syscall.c), so no ordinary user can take names away, even where such users may make other maps.
    private static var type: bpf_map_type { BPF_MAP_TYPE_LPM_TRIE }

    /// The marks of all processes of the host, and maps of the same kind.
    public static func names() throws(BPFError) -> [String] {
        var names: [String] = []
        var id: UInt32 = 0
        while true {
            let next = unsafe bpf_map_get_next_id(id, &id)
            if next == -ENOENT { return names }
            guard next == 0 else {
                throw BPFError("list the maps of the host", errno: Errno(rawValue: -next), needs: [.sysAdmin])
            }
            let map = bpf_map_get_fd_by_id(id)
            // It went meanwhile.
            if map == -ENOENT { continue }
            guard map >= 0 else {
                throw BPFError("look at the maps of the host", errno: Errno(rawValue: -map), needs: [.sysAdmin])
            }
            if let name = name(of: FileDescriptor(owning: map)) { names.append(name) }
        }
    }

    private static func name(of map: borrowing FileDescriptor) -> String? {
        var information = bpf_map_info()
        var size = UInt32(MemoryLayout<bpf_map_info>.size)
        guard unsafe bpf_obj_get_info_by_fd(map.rawValue, &information, &size) == 0,
            information.type == Self.type.rawValue
        else { return nil }
        return unsafe withUnsafeBytes(of: &information.name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
