import CLinux
import Testing

@testable import Linux

/// Runs the assembled classic BPF program on made-up calls, as the kernel would.
@Suite struct SystemCallPolicyTests {
    private static let kill: UInt32 = 0x8000_0000
    private static let allow: UInt32 = 0x7FFF_0000

    private var policy: SystemCallPolicy {
        var policy = SystemCallPolicy()
        policy.allow(44, .equals(argument: 0, 7), .equals(argument: 3, 0x40))
        policy.allow(9, .clear(argument: 2, mask: 4), .equals(argument: 4, 0xFFFF_FFFF))
        policy.allow(1, .equals(argument: 0, 2))
        policy.allow(1, .equals(argument: 0, 9))
        policy.allow(60)
        return policy
    }

    @Test(arguments: [
        ("sendto on the socket", 44, [7, 0, 0, 0x40, 0, 0], true),
        ("sendto on another descriptor", 44, [8, 0, 0, 0x40, 0, 0], false),
        ("sendto with other flags", 44, [7, 0, 0, 0x41, 0, 0], false),
        ("anonymous memory", 9, [0, 0, 3, 0x22, 0xFFFF_FFFF, 0], true),
        ("executable memory", 9, [0, 0, 7, 0x22, 0xFFFF_FFFF, 0], false),
        ("a mapped file", 9, [0, 0, 3, 2, 5, 0], false),
        ("write, first alternative", 1, [2, 0, 0, 0, 0, 0], true),
        ("write, second alternative", 1, [9, 0, 0, 0, 0, 0], true),
        ("write elsewhere", 1, [3, 0, 0, 0, 0, 0], false),
        ("exit", 60, [0, 0, 0, 0, 0, 0], true),
        ("anything else", 57, [0, 0, 0, 0, 0, 0], false),
        ("x32 numbers", 0x4000_0000 | 60, [0, 0, 0, 0, 0, 0], false),
    ] as [(String, UInt32, [UInt32], Bool)])
    func verdict(what: String, number: UInt32, arguments: [UInt32], allowed: Bool) {
        #expect(run(policy.assembled(), number, arguments) == (allowed ? Self.allow : Self.kill), "\(what)")
    }

    @Test func anotherArchitectureIsKilled() {
        #expect(run(policy.assembled(), 60, [0, 0, 0, 0, 0, 0], architecture: 0x4000_0003) == Self.kill)
    }

    private func run(
        _ program: [sock_filter], _ number: UInt32, _ arguments: [UInt32], architecture: UInt32 = 0xC000_003E
    ) -> UInt32 {
        var accumulator: UInt32 = 0
        var counter = 0
        while true {
            let instruction = program[counter]
            counter += 1
            switch instruction.code {
            case 0x20:
                accumulator =
                    switch instruction.k {
                    case 0: number
                    case 4: architecture
                    default: arguments[Int(instruction.k - 16) / 8]
                    }
            case 0x15: counter += Int(accumulator == instruction.k ? instruction.jt : instruction.jf)
            case 0x45: counter += Int(accumulator & instruction.k != 0 ? instruction.jt : instruction.jf)
            case 0x06: return instruction.k
            default: Issue.record("unknown instruction \(instruction.code)"); return 0
            }
        }
    }
}
