public import CLinux

/// A seccomp filter, run on made-up calls as the kernel would run it.
public struct SystemCallFilter {
    private let program: [sock_filter]

    public init(_ program: [sock_filter]) { self.program = program }

    public func allows(_ number: Int, _ arguments: [UInt64], architecture: UInt32 = 0xC000_003E) -> Bool {
        verdict(UInt32(truncatingIfNeeded: number), arguments, architecture) == 0x7FFF_0000
    }

    /// - Returns: SECCOMP_RET_*.
    private func verdict(_ number: UInt32, _ arguments: [UInt64], _ architecture: UInt32) -> UInt32 {
        var accumulator: UInt32 = 0
        var counter = 0
        while true {
            let instruction = program[counter]
            counter += 1
            switch instruction.code {
            case 0x20: accumulator = load(instruction.k, number, arguments, architecture)
            case 0x15: counter += Int(accumulator == instruction.k ? instruction.jt : instruction.jf)
            case 0x45: counter += Int(accumulator & instruction.k != 0 ? instruction.jt : instruction.jf)
            case 0x06: return instruction.k
            default: fatalError("unknown instruction \(instruction.code)")
            }
        }
    }

    /// From `struct seccomp_data`.
    private func load(_ offset: UInt32, _ number: UInt32, _ arguments: [UInt64], _ architecture: UInt32) -> UInt32 {
        switch offset {
        case 0: return number
        case 4: return architecture
        default:
            let argument = arguments[Int(offset - 16) / 8]
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
        }
    }
}
