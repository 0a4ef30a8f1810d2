import CLinux
import Glibc

/// A seccomp allow-list as data (seccomp(2)). Whatever is not on it kills the process.
public struct SystemCallPolicy: Sendable {
    /// What one argument must be; the low 32 bits are compared.
    public enum Condition: Sendable {
        case equals(argument: Int, UInt32)
        /// No bit of `mask` may be set.
        case clear(argument: Int, mask: UInt32)
    }

    struct Rule: Sendable {
        let number: Int
        let conditions: [Condition]
    }

    private var rules: [Rule] = []

    public init() {}

    /// Allows a system call when all conditions hold. Several rules for one call are alternatives.
    public mutating func allow(_ number: Int, _ conditions: Condition...) {
        rules.append(Rule(number: number, conditions: conditions))
    }

    /// Installs the filter for this process, for ever. `no_new_privs` must be set.
    public func install() throws(Errno) {
        let program = assembled()
        try Errno.check(
            unsafe program.withUnsafeBufferPointer { unsafe CLinux_seccomp_install($0.baseAddress, UInt16($0.count)) })
    }

    /// The classic BPF program: architecture check, then each rule in order.
    func assembled() -> [sock_filter] {
        var program = [
            Self.load(Field.architecture), Self.jumpIfEqual(Self.architecture, then: 1, otherwise: 0), Self.kill,
            Self.load(Field.number),
        ]
        #if arch(x86_64)
        // The x32 ABI has numbers of its own above this bit.
        program += [Self.jumpIfAnySet(0x4000_0000, then: 0, otherwise: 1), Self.kill]
        #endif
        for rule in rules {
            var body: [sock_filter] = []
            for condition in rule.conditions {
                switch condition {
                case .equals(let argument, let value):
                    body += [Self.load(Field.argument(argument)), Self.jumpIfEqual(value, then: 0, otherwise: 0)]
                case .clear(let argument, let mask):
                    body += [Self.load(Field.argument(argument)), Self.jumpIfAnySet(mask, then: 0, otherwise: 0)]
                }
            }
            // A failed condition skips to the reload after `allow`.
            let end = body.count + 1
            for (index, condition) in rule.conditions.enumerated() {
                let position = index * 2 + 1
                let skip = UInt8(end - position - 1)
                switch condition {
                case .equals: body[position].jf = skip
                case .clear: body[position].jt = skip
                }
            }
            body += [Self.allow, Self.load(Field.number)]
            program.append(Self.jumpIfEqual(UInt32(rule.number), then: 0, otherwise: UInt8(body.count)))
            program += body
        }
        return program + [Self.kill]
    }

    /// Offsets in `struct seccomp_data`.
    private enum Field {
        static var number: UInt32 { 0 }
        static var architecture: UInt32 { 4 }
        static func argument(_ index: Int) -> UInt32 { 16 + UInt32(index) * 8 }
    }

    #if arch(x86_64)
    private static var architecture: UInt32 { 0xC000_003E }
    #elseif arch(arm64)
    private static var architecture: UInt32 { 0xC000_00B7 }
    #endif

    private static func load(_ offset: UInt32) -> sock_filter { sock_filter(code: 0x20, jt: 0, jf: 0, k: offset) }
    private static func jumpIfEqual(_ value: UInt32, then: UInt8, otherwise: UInt8) -> sock_filter {
        sock_filter(code: 0x15, jt: then, jf: otherwise, k: value)
    }
    private static func jumpIfAnySet(_ mask: UInt32, then: UInt8, otherwise: UInt8) -> sock_filter {
        sock_filter(code: 0x45, jt: then, jf: otherwise, k: mask)
    }
    private static var allow: sock_filter { sock_filter(code: 0x06, jt: 0, jf: 0, k: 0x7FFF_0000) }
    private static var kill: sock_filter { sock_filter(code: 0x06, jt: 0, jf: 0, k: 0x8000_0000) }
}
