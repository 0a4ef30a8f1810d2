import CLinux
import Glibc

/// Things that a confined process tries. Each gives 0 when it worked, or the errno it was refused with.
enum Attacks {
    static func outcome(_ result: CInt) -> CInt { result < 0 ? errno : 0 }

    static func open(_ path: String, _ flags: CInt = O_RDONLY) -> CInt { outcome(unsafe Glibc.open(path, flags)) }

    static func makeDirectory(_ path: String) -> CInt {
        let result = outcome(unsafe mkdir(path, 0o700))
        if result == 0 { _ = unsafe rmdir(path) }
        return result
    }

    /// To the directory above one that it was given. EXDEV: ".." is the directory itself.
    static func openParent(of directory: CInt) -> CInt {
        var (own, parent) = (stat(), stat())
        let opened = unsafe openat(directory, "..", O_PATH_ | O_DIRECTORY)
        guard opened >= 0 else { return errno }
        defer { _ = close(opened) }
        guard unsafe fstat(directory, &own) == 0, unsafe fstat(opened, &parent) == 0 else { return errno }
        return own.st_ino == parent.st_ino && own.st_dev == parent.st_dev ? EXDEV : 0
    }

    static func openBeneath(_ directory: CInt, _ name: String, _ flags: CInt) -> CInt {
        outcome(unsafe openat(directory, name, flags))
    }

    /// Whether it could be executed (access(2) says EACCES for all files of a noexec mount).
    static func executeBeneath(_ directory: CInt, _ name: String) -> CInt {
        outcome(unsafe faccessat(directory, name, X_OK, 0))
    }

    static func signal(_ process: pid_t) -> CInt { outcome(kill(process, 0)) }
    static func becomeRoot() -> CInt { outcome(setuid(0)) }
    static func makeNamespaces() -> CInt { outcome(CLinux_unshare(CInt(CLINUX_CLONE_NEWNS | CLINUX_CLONE_NEWNET))) }
    static func mountFileSystem() -> CInt { outcome(unsafe mount("none", "/", "tmpfs", 0, nil)) }
    static func findSharedMemory(_ key: key_t) -> CInt { outcome(shmget(key, 0, 0)) }

    static func connect(port: UInt16, address: String) -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_port = port.bigEndian
        unsafe inet_pton(AF_INET, address, &peer.sin_addr)
        return unsafe withUnsafePointer(to: &peer) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                outcome(unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)))
            }
        }
    }

    /// To a socket of the network namespace that has a name and no path (unix(7)).
    static func connect(abstract name: String) -> CInt {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        var peer = sockaddr_un()
        peer.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8)
        unsafe withUnsafeMutableBytes(of: &peer.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &peer) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                outcome(unsafe Glibc.connect(descriptor, $0, socklen_t(2 + bytes.count)))
            }
        }
    }

    static func fork() -> CInt {
        let child = CLinux_fork()
        if child == 0 { _exit(0) }
        guard child > 0 else { return errno }
        var status: CInt = 0
        _ = unsafe waitpid(child, &status, 0)
        return 0
    }

    static func openDescriptors(_ count: Int) -> CInt {
        for _ in 0..<count where dup(2) < 0 { return errno }
        return 0
    }

    static func lockMemory() -> CInt {
        outcome(unsafe mlock(UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096), 4096))
    }

    /// Cuts memory that another process has mapped, which would then die by SIGBUS.
    static func shrinkMemory(_ descriptor: CInt) -> CInt { outcome(ftruncate(descriptor, 0)) }

    /// Behind _GNU_SOURCE (open(2)).
    static var O_PATH_: CInt { 0o10_000_000 }
}
