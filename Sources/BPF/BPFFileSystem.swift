import CLinux
import CXDP
import Glibc
import Linux

/// The file system of pins, /sys/fs/bpf as PID 1 sees it.
enum BPFFileSystem {
    /// BPF_FS_MAGIC (linux/magic.h).
    private static let magic = 0xCAFE_4A11
    private static let path = "/sys/fs/bpf"

    /// - Throws: `ENOENT` when it is not mounted and `mounts` is false.
    static func open(mounts: Bool) throws(BPFError) -> FileDescriptor {
        // /proc/1/root is PID 1's root in PID 1's mount namespace (proc(5)).
        let candidates = ["/proc/1/root" + path, path]
        for candidate in candidates {
            if let descriptor = openMounted(candidate) { return descriptor }
        }
        guard mounts else { throw BPFError("open \(path)", errno: Errno(rawValue: ENOENT), needs: []) }
        let errorNumber = mountAsPID1Sees()
        for candidate in candidates {
            if let descriptor = openMounted(candidate) { return descriptor }
        }
        throw BPFError("mount bpffs at \(path)", errno: Errno(rawValue: errorNumber), needs: [.sysAdmin])
    }

    private static func openMounted(_ path: String) -> FileDescriptor? {
        guard let descriptor = try? FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY) else { return nil }
        var status = statfs()
        guard unsafe fstatfs(descriptor.rawValue, &status) == 0, Int(status.f_type) == magic else { return nil }
        return descriptor
    }

    /// Mounts in PID 1's mount namespace. A thread can enter it once it shares no file system state (setns(2)), so a
    /// short-lived one does.
    private static func mountAsPID1Sees() -> CInt {
        var thread = pthread_t()
        let created = unsafe pthread_create(
            &thread, nil,
            { _ in
                let namespace = unsafe Glibc.open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC)
                if namespace >= 0 && CLinux_unshare(CLINUX_CLONE_FS) == 0 {
                    _ = CLinux_setns(namespace, CInt(CLINUX_CLONE_NEWNS))
                }
                if namespace >= 0 { close(namespace) }
                let mounted = unsafe mount("bpf", "/sys/fs/bpf", "bpf", 0, nil) == 0
                return unsafe UnsafeMutableRawPointer(bitPattern: mounted ? 0 : Int(errno))
            }, nil)
        guard created == 0 else { return created }
        var result: UnsafeMutableRawPointer?
        unsafe pthread_join(thread, &result)
        return CInt(truncatingIfNeeded: Int(bitPattern: result))
    }
}

/// CLONE_FS (sched.h).
private let CLINUX_CLONE_FS: CInt = 0x200
