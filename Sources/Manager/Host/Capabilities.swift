import CLinux

/// Privileges of a manager (capabilities(7)) and what it needs each for.
public struct Capability: Sendable {
    public let name: String
    public let purpose: String
    private let bit: UInt64

    /// Everything `onvm run` needs. NFs have none of them.
    public static let needed: [Capability] = [
        Capability(name: "CAP_NET_ADMIN", purpose: "attach programs and make slot devices", bit: 12),
        Capability(name: "CAP_NET_RAW", purpose: "make AF_XDP sockets", bit: 13),
        Capability(name: "CAP_IPC_LOCK", purpose: "pin the packet memory of NFs", bit: 14),
        Capability(name: "CAP_SYS_ADMIN", purpose: "put NFs into namespaces and mount bpffs", bit: 21),
        Capability(name: "CAP_SETUID", purpose: "give every NF a user of its own", bit: 7),
        Capability(name: "CAP_SETGID", purpose: "give every NF a group of its own", bit: 6),
        Capability(name: "CAP_SETPCAP", purpose: "empty the capability bounding set of NFs", bit: 8),
        Capability(name: "CAP_KILL", purpose: "end NFs, which run as other users", bit: 5),
        Capability(name: "CAP_BPF", purpose: "load eBPF programs", bit: 39),
        Capability(name: "CAP_PERFMON", purpose: "load eBPF programs that use tracing helpers", bit: 38),
    ]

    public static var missing: [Capability] {
        let effective = CLinux_effective_capabilities()
        return needed.filter { effective & (1 << $0.bit) == 0 }
    }

    /// Throws what the first missing one would have been for.
    public static func requireAll() throws(PermissionError) {
        guard let first = missing.first else { return }
        let names = missing.map(\.name).joined(separator: ", ")
        throw PermissionError(capability: names, purpose: first.purpose)
    }
}
