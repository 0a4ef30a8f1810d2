import TestSupport
import Testing

@testable import Linux

/// Runs the assembled classic BPF program on made-up calls, as the kernel would.
@Suite struct SystemCallPolicyTests {
    private var policy: SystemCallPolicy {
        var policy = SystemCallPolicy()
        policy.allow(44, .equals(argument: 0, 7), .equals(argument: 3, 0x40))
        policy.allow(9, .clear(argument: 2, mask: 4), .equals(argument: 4, 0xFFFF_FFFF))
        policy.allow(1, .equals(argument: 0, 2))
        policy.allow(1, .equals(argument: 0, 9))
        policy.allow(60)
        policy.allow(10, .equalsWord(argument: 1, 0x5_0000_0006), .clearWord(argument: 2, mask: ~3), .equals(argument: 0, 1))
        return policy
    }

    @Test(arguments: [
        ("sendto on the socket", 44, [7, 0, 0, 0x40, 0, 0], true),
        ("sendto on another descriptor", 44, [8, 0, 0, 0x40, 0, 0], false),
        ("sendto with other flags", 44, [7, 0, 0, 0x41, 0, 0], false),
        ("an int with rubbish above it", 44, [0xFFFF_0000_0007, 0, 0, 0x1_0000_0040, 0, 0], true),
        ("anonymous memory", 9, [0, 0, 3, 0x22, 0xFFFF_FFFF, 0], true),
        ("executable memory", 9, [0, 0, 7, 0x22, 0xFFFF_FFFF, 0], false),
        ("a mapped file", 9, [0, 0, 3, 2, 5, 0], false),
        ("write, first alternative", 1, [2, 0, 0, 0, 0, 0], true),
        ("write, second alternative", 1, [9, 0, 0, 0, 0, 0], true),
        ("write elsewhere", 1, [3, 0, 0, 0, 0, 0], false),
        ("a word", 10, [1, 0x5_0000_0006, 3, 0, 0, 0], true),
        ("a word, other lower half", 10, [1, 0x5_0000_0007, 3, 0, 0, 0], false),
        ("a word, other upper half", 10, [1, 6, 3, 0, 0, 0], false),
        ("a bit in the lower half", 10, [1, 0x5_0000_0006, 4, 0, 0, 0], false),
        ("a bit in the upper half", 10, [1, 0x5_0000_0006, 1 << 63, 0, 0, 0], false),
        ("the condition after words", 10, [2, 0x5_0000_0006, 0, 0, 0, 0], false),
        ("exit", 60, [0, 0, 0, 0, 0, 0], true),
        ("anything else", 57, [0, 0, 0, 0, 0, 0], false),
        ("x32 numbers", 0x4000_0000 | 60, [0, 0, 0, 0, 0, 0], false),
    ] as [(String, Int, [UInt64], Bool)])
    func verdict(what: String, number: Int, arguments: [UInt64], allowed: Bool) {
        #expect(SystemCallFilter(policy.assembled()).allows(number, arguments) == allowed, "\(what)")
    }

    @Test func anotherArchitectureIsKilled() {
        let filter = SystemCallFilter(policy.assembled())
        #expect(!filter.allows(60, [0, 0, 0, 0, 0, 0], architecture: 0x4000_0003))
    }
}
