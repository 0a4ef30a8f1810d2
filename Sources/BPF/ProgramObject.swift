/// A compiled eBPF object file, embedded in the binary by the CompileBPF plugin.
public struct ProgramObject: Sendable {
    public let name: String
    let hexadecimal: StaticString

    /// The ELF file.
    public var bytes: [UInt8] {
        func nibble(_ digit: UInt8) -> UInt8 { digit < 0x3A ? digit &- 0x30 : digit &- 0x57 }
        return hexadecimal.withUTF8Buffer { digits in
            stride(from: 0, to: digits.count - 1, by: 2).map { index in
                unsafe nibble(digits[index]) << 4 | nibble(digits[index + 1])
            }
        }
    }
}
