import CLinux
import Glibc

/// The file system that keeps programs and maps alive without a process (bpffs).
enum BPFFileSystem {
    static let path = "/sys/fs/bpf"

    static var isMounted: Bool { unsafe CLinux_is_bpffs(path) != 0 }

    /// Takes away an empty `onvm` directory and, if `wasMounted` is false, the mount itself.
    static func restore(wasMounted: Bool) {
        _ = unsafe rmdir("\(path)/onvm")
        // EBUSY while somebody else keeps pins there: then it is theirs now.
        if !wasMounted, isMounted, isEmpty { _ = unsafe umount2(path, 0) }
    }

    private static var isEmpty: Bool {
        guard let directory = unsafe opendir(path) else { return false }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            // The kernel's own iterators are in every instance (bpf_preload).
            if ![".", "..", "maps.debug", "progs.debug"].contains(name) { return false }
        }
        return true
    }
}
