import CXDP
import Glibc
public import Linux

/// A directory of bpffs whose entries keep maps and links alive without a process.
///
/// It is always the bpffs of PID 1's mount namespace: `ip netns exec` gives a command a mount namespace of its own with
/// an empty /sys (ip-netns(8)), and what is pinned there would vanish from everyone else's sight.
public struct PinDirectory: ~Copyable {
    public static let root = "/sys/fs/bpf/onvm"

    private let descriptor: FileDescriptor
    private let parent: FileDescriptor
    public let name: String

    private init(parent: consuming FileDescriptor, name: String, creates: Bool) throws(BPFError) {
        let operation = "open \(Self.root)/\(name)"
        if creates {
            let created = unsafe mkdirat(parent.rawValue, name, 0o700)
            guard created == 0 else {
                throw BPFError("create \(Self.root)/\(name)", errno: .current, needs: [.sysAdmin])
            }
        }
        let opened = unsafe openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw BPFError(operation, errno: .current, needs: [.sysAdmin]) }
        // Every manager of the host comes by here, also one that sees another /run: two of one name would take each
        // other's things for a dead one's.
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let error = BPFError(operation, errno: .current, needs: [])
            close(opened)
            throw error
        }
        descriptor = FileDescriptor(owning: opened)
        self.parent = parent
        self.name = name
    }

    /// Creates the instance's directory; bpffs is mounted if nobody did. It is locked as long as this object lives.
    /// - Throws: `EEXIST` when it is there.
    public static func create(_ name: String) throws(BPFError) -> PinDirectory {
        try PinDirectory(parent: try openRoot(mounts: true), name: name, creates: true)
    }

    /// The instance's directory, or nil if there is none.
    /// - Throws: `EAGAIN` when a process has it locked.
    public static func open(_ name: String) throws(BPFError) -> PinDirectory? {
        do {
            return try PinDirectory(parent: try openRoot(mounts: false), name: name, creates: false)
        } catch {
            guard error.errno.rawValue == ENOENT else { throw error }
            return nil
        }
    }

    /// Where an entry is for path-taking calls. The magic link crosses mount namespaces (proc(5), /proc/pid/fd).
    private func path(_ entry: String) -> String { "/proc/self/fd/\(descriptor.rawValue)/\(entry)" }

    /// Pins a map, program or link; an entry of that name is replaced.
    public func pin(_ object: borrowing FileDescriptor, as entry: String) throws(BPFError) {
        try pin(object.rawValue, as: entry)
    }

    public func pin(_ object: CInt, as entry: String) throws(BPFError) {
        unpin(entry)
        let result = unsafe bpf_obj_pin(object, path(entry))
        guard result == 0 else {
            throw BPFError("pin \(Self.root)/\(name)/\(entry)", errno: Errno(rawValue: -result))
        }
    }

    /// A descriptor of what is pinned.
    public func open(_ entry: String) throws(BPFError) -> FileDescriptor {
        let result = unsafe bpf_obj_get(path(entry))
        guard result >= 0 else {
            throw BPFError("open \(Self.root)/\(name)/\(entry)", errno: Errno(rawValue: -result))
        }
        return FileDescriptor(owning: result)
    }

    public func unpin(_ entry: String) { unsafe unlinkat(descriptor.rawValue, entry, 0) }

    public var entries: [String] {
        let copy = unsafe openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = unsafe fdopendir(copy) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Unpins all and removes the directory itself, and the platform's own directory when it was the last.
    public func removeAll() throws(BPFError) {
        for entry in entries { unpin(entry) }
        guard unsafe unlinkat(parent.rawValue, name, AT_REMOVEDIR) == 0 else {
            throw BPFError("remove \(Self.root)/\(name)", errno: .current, needs: [.sysAdmin])
        }
        _ = unsafe unlinkat(parent.rawValue, "../onvm", AT_REMOVEDIR)
    }

    /// `onvm` on bpffs.
    private static func openRoot(mounts: Bool) throws(BPFError) -> FileDescriptor {
        let bpffs = try BPFFileSystem.open(mounts: mounts)
        if mounts {
            let created = unsafe mkdirat(bpffs.rawValue, "onvm", 0o700)
            guard created == 0 || errno == EEXIST else {
                throw BPFError("create \(root)", errno: .current, needs: [.sysAdmin])
            }
        }
        let opened = unsafe openat(bpffs.rawValue, "onvm", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw BPFError("open \(root)", errno: .current, needs: [.sysAdmin]) }
        return FileDescriptor(owning: opened)
    }
}
