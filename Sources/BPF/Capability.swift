import Glibc

/// A capability (capabilities(7)) that work with eBPF needs; the raw value is its bit.
public enum Capability: Int, CaseIterable, Sendable {
    case netAdmin = 12
    case sysAdmin = 21
    case bpf = 39

    public var name: String {
        switch self {
        case .netAdmin: "CAP_NET_ADMIN"
        case .sysAdmin: "CAP_SYS_ADMIN"
        case .bpf: "CAP_BPF"
        }
    }

    /// Those of `required` that the calling thread does not have in effect (proc(5), CapEff).
    public static func missing(_ required: [Capability]) -> [Capability] {
        guard let effective = effectiveSet() else { return [] }
        // CAP_SYS_ADMIN implies CAP_BPF (Linux 5.8, capabilities(7)).
        return required.filter { capability in
            if effective & (1 << UInt64(capability.rawValue)) != 0 { return false }
            return !(capability == .bpf && effective & (1 << UInt64(Capability.sysAdmin.rawValue)) != 0)
        }
    }

    private static func effectiveSet() -> UInt64? {
        guard let file = unsafe fopen("/proc/thread-self/status", "re") else { return nil }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while unsafe fgets(&line, CInt(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("CapEff:") else { continue }
            return UInt64(text.dropFirst("CapEff:".count).filter(\.isHexDigit), radix: 16)
        }
        return nil
    }
}
