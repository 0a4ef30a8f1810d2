import CXDP
import Glibc
public import Linux

/// An eBPF object between opening and loading: map sizes are set, maps of other objects are shared in, then `load`.
///
/// Owns libbpf's copy. Programs and maps taken from it are duplicates that outlive it.
@safe public struct ObjectFile: ~Copyable {
    private let object: OpaquePointer
    public let name: String

    public init(_ source: ProgramObject) throws(BPFError) {
        let bytes = source.bytes
        let (object, log) = unsafe LibbpfLog.capture {
            unsafe bpf_object__open_mem(bytes, bytes.count, nil)
        }
        guard let object = unsafe object else {
            throw BPFError("open the eBPF object \(source.name)", errno: .current, log: log)
        }
        unsafe self.object = unsafe object
        name = source.name
    }

    deinit { unsafe bpf_object__close(object) }

    /// The names of all maps.
    public var mapNames: [String] {
        var names: [String] = []
        var map = unsafe bpf_object__next_map(object, nil)
        while let current = unsafe map {
            if let name = unsafe bpf_map__name(current) { names.append(unsafe String(cString: name)) }
            unsafe map = unsafe bpf_object__next_map(object, current)
        }
        return names
    }

    /// Sets how many entries a map will have.
    public func setEntryCount(_ count: UInt32, ofMap name: String) throws(BPFError) {
        let result = unsafe bpf_map__set_max_entries(try map(name), count)
        guard result == 0 else { throw BPFError("size map \(name)", errno: Errno(rawValue: -result)) }
    }

    /// Uses a map that exists instead of creating one.
    public func share(_ descriptor: borrowing FileDescriptor, asMap name: String) throws(BPFError) {
        let target = unsafe try map(name)
        let (result, log) = LibbpfLog.capture { unsafe bpf_map__reuse_fd(target, descriptor.rawValue) }
        guard result == 0 else { throw BPFError("share map \(name)", errno: Errno(rawValue: -result), log: log) }
    }

    /// Creates the maps and has the verifier check the programs.
    public func load() throws(BPFError) {
        let (result, log) = LibbpfLog.capture { unsafe bpf_object__load(object) }
        guard result == 0 else {
            throw BPFError(
                "load program \(name)", errno: Errno(rawValue: -result), log: log, needs: [.bpf, .netAdmin])
        }
    }

    /// The program of that name, after `load`.
    public func program(_ name: String) throws(BPFError) -> Program {
        guard let program = unsafe bpf_object__find_program_by_name(object, name) else {
            throw BPFError("find program \(name)", errno: .current)
        }
        return Program(owning: try duplicate(unsafe bpf_program__fd(program), name), name: name)
    }

    /// The map of that name, after `load`.
    public func mapDescriptor(_ name: String) throws(BPFError) -> FileDescriptor {
        try duplicate(unsafe bpf_map__fd(try map(name)), name)
    }

    private func map(_ name: String) throws(BPFError) -> OpaquePointer {
        guard let map = unsafe bpf_object__find_map_by_name(object, name) else {
            throw BPFError("find map \(name)", errno: .current)
        }
        return unsafe map
    }

    private func duplicate(_ descriptor: CInt, _ name: String) throws(BPFError) -> FileDescriptor {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw BPFError("keep \(name)", errno: .current) }
        return FileDescriptor(owning: copy)
    }
}
