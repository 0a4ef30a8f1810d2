import Glibc
public import Linux

/// What failed, on what, why, and what to do about it.
public struct BPFError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, such as "load program steer".
    public let operation: String
    public let errno: Errno
    /// What the kernel and libbpf said while they tried: the verifier's log, the driver's message.
    public let log: String
    /// The capabilities the operation needs and the process lacks.
    public let missingCapabilities: [Capability]

    public init(_ operation: String, errno: Errno, log: String = "", needs: [Capability] = [.bpf]) {
        self.operation = operation
        self.errno = errno
        self.log = log
        missingCapabilities = Capability.missing(needs)
    }

    public var description: String {
        var text = "cannot \(operation): \(errno)"
        if let kernelMessage { text += ": \(kernelMessage)" }
        if let advice { text += "; \(advice)" }
        return text
    }

    /// The driver's own words, which netlink sends as extended ACK and libbpf prints.
    public var kernelMessage: String? {
        let mark = "Kernel error message: "
        guard let line = log.split(separator: "\n").last(where: { $0.contains(mark) }) else { return nil }
        guard let start = line.firstRange(of: mark)?.upperBound else { return nil }
        return String(line[start...])
    }

    /// What the operator can do.
    public var advice: String? {
        switch errno.rawValue {
        case EPERM, EACCES:
            if !missingCapabilities.isEmpty {
                return "missing " + missingCapabilities.map(\.name).joined(separator: ", ") + ": run as root"
            }
            return lastLogLines.map { "the kernel refused: \($0)" }
        case ENOMEM: return "not enough memory for the tables: lower the limits of slots or bindings"
        case E2BIG: return "the table is full: raise its limit"
        case ENODEV: return "the device is gone or cannot run XDP programs"
        case EBUSY: return "another program or manager uses it"
        case EINVAL: return lastLogLines.map { "the kernel refused: \($0)" }
        default: return nil
        }
    }

    public var isExists: Bool { errno.rawValue == EEXIST }

    /// The driver cannot or will not run the program; the network stack can. Not so for a missing right or device.
    public var meansNoNativeXDP: Bool {
        ![EPERM, EACCES, ENODEV, EBUSY, EEXIST, ENOMEM].contains(errno.rawValue)
    }

    /// The kernel was built without the qdisc clsact or the classifier bpf (CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_BPF).
    public var meansNoClassifier: Bool { errno.rawValue == ENOENT || errno.rawValue == EOPNOTSUPP }

    /// The verifier states its verdict at the end of its log.
    private var lastLogLines: String? {
        let lines = log.split(separator: "\n").suffix(6)
        return lines.isEmpty ? nil : lines.joined(separator: " | ")
    }
}
