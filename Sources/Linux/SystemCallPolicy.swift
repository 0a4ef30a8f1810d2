import CLinux
import Glibc

/// A seccomp allow-list as data (seccomp(2)). Whatever is not on it kills the process.
public struct SystemCallPolicy: Sendable {
    /// What one argument must be. A parameter that the kernel takes as `int` or `unsigned int` has 32 bits that count;
    /// the caller may have left anything in the others. Pointers and `unsigned long` have 64.
    public enum Condition: Sendable {
        case equals(argument: Int, UInt32)
        /// No bit of `mask` may be set.
        case clear(argument: Int, mask: UInt32)
        case equalsWord(argument: Int, UInt64)
        case clearWord(argument: Int, mask: UInt64)

        /// Each half as the filter sees it: where it lies, and what it must equal or have clear.
        fileprivate var checks: [Check] {
            switch self {
            case .equals(let argument, let value): [Check(Field.argument(argument), equals: value)]
            case .clear(let argument, let mask): [Check(Field.argument(argument), hasClear: mask)]
            case .equalsWord(let argument, let value):
                [
                    Check(Field.argument(argument), equals: UInt32(truncatingIfNeeded: value)),
                    Check(Field.upperHalf(argument), equals: UInt32(value >> 32)),
                ]
            case .clearWord(let argument, let mask):
                [
                    Check(Field.argument(argument), hasClear: UInt32(truncatingIfNeeded: mask)),
                    Check(Field.upperHalf(argument), hasClear: UInt32(mask >> 32)),
                ]
            }
        }
    }

    fileprivate struct Check {
        let offset: UInt32
        let value: UInt32
        let isMask: Bool

        init(_ offset: UInt32, equals value: UInt32) { (self.offset, self.value, isMask) = (offset, value, false) }
        init(_ offset: UInt32, hasClear mask: UInt32) { (self.offset, value, isMask) = (offset, mask, true) }
    }

    struct Rule: Sendable {
        let number: Int
        var conditions: [Condition]
    }

    private(set) var rules: [Rule]

    public init() { rules = [] }
    init(rules: [Rule]) { self.rules = rules }

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
            let checks = rule.conditions.flatMap(\.checks)
            var body: [sock_filter] = []
            for (index, check) in checks.enumerated() {
                // A check that fails skips the rest of them, two instructions each, and `allow`.
                let skip = UInt8((checks.count - index - 1) * 2 + 1)
                body += [
                    Self.load(check.offset),
                    check.isMask
                        ? Self.jumpIfAnySet(check.value, then: skip, otherwise: 0)
                        : Self.jumpIfEqual(check.value, then: 0, otherwise: skip),
                ]
            }
            body += [Self.allow, Self.load(Field.number)]
            program.append(Self.jumpIfEqual(UInt32(rule.number), then: 0, otherwise: UInt8(body.count)))
            program += body
        }
        return program + [Self.kill]
    }

    /// Offsets in `struct seccomp_data`.
    fileprivate enum Field {
        static var number: UInt32 { 0 }
        static var architecture: UInt32 { 4 }
        /// Its lower half, on a little-endian machine.
        static func argument(_ index: Int) -> UInt32 { 16 + UInt32(index) * 8 }
        static func upperHalf(_ index: Int) -> UInt32 { argument(index) + 4 }
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
