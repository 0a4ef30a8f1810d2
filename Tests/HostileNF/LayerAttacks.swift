import CLinux
import Glibc

/// What the layers of the sandbox refuse once the system call filter lets everything through. The filter is opened by
/// the NF, as any NF may add to it; all the rest is as the product sets it up.
enum LayerAttacks {
    /// Names that the test knows, too.
    static let abstractSocket = "onvm-layer-attacks"
    static let sharedMemoryKey: key_t = 0x6f6e_766d

    /// One line an attack on standard error: `TRIED name errno`, and `TRIED end 0`.
    static func report() {
        let root = directory()
        let attempts: [(String, () -> CInt)] = [
            ("signal-zygote", { Attacks.signal(getppid()) }),
            ("become-root", { Attacks.becomeRoot() }),
            ("make-namespaces", { Attacks.makeNamespaces() }),
            ("mount", { Attacks.mountFileSystem() }),
            ("gain-privileges", { CLinux_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0 }),
            ("be-traced", { CLinux_prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? EPERM : 0 }),
            ("read-host-file", { Attacks.open("/etc/passwd") }),
            ("read-empty-root", { Attacks.open("/", O_RDONLY | O_DIRECTORY) }),
            ("write-empty-root", { Attacks.makeDirectory("/x") }),
            ("above-document-root", { Attacks.openParent(of: root) }),
            ("write-document", { Attacks.openBeneath(root, "world-writable.txt", O_WRONLY) }),
            ("execute-document", { Attacks.executeBeneath(root, "program") }),
            ("connect-host", { Attacks.connect(port: 80, address: "10.77.0.1") }),
            ("connect-abstract", { Attacks.connect(abstract: abstractSocket) }),
            ("shared-memory", { Attacks.findSharedMemory(sharedMemoryKey) }),
            ("shrink-memory", { memory().reduce(0) { max($0, Attacks.shrinkMemory($1)) } }),
            ("fork", { Attacks.fork() }),
            ("lock-memory", { Attacks.lockMemory() }),
            ("descriptors", { Attacks.openDescriptors(2_000) }),
        ]
        for (name, attempt) in attempts { say("TRIED \(name) \(attempt())\n") }
        say("TRIED end 0\n")
    }

    private static func say(_ text: String) {
        var text = text
        text.withUTF8 { _ = unsafe write(2, $0.baseAddress, $0.count) }
    }

    /// The document root among the descriptors.
    private static func directory() -> CInt {
        (3..<64).first { kind(of: $0) == S_IFDIR } ?? -1
    }

    /// The packet memory and the telemetry page: files that can be sealed (F_GET_SEALS, fcntl(2)).
    private static func memory() -> [CInt] { (3..<64).filter { fcntl($0, 1_034) >= 0 } }

    private static func kind(of descriptor: CInt) -> mode_t? {
        var information = stat()
        return unsafe fstat(descriptor, &information) == 0 ? information.st_mode & S_IFMT : nil
    }
}
