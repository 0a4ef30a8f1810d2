import CLinux

extension Sandbox {
    /// Lets the process map `allowance` bytes more than it has mapped now, and no further (RLIMIT_AS, RLIMIT_DATA).
    ///
    /// How much that is the kernel alone knows: a sandbox has no /proc, and a sum of tables would miss libraries and stacks.
    public static func limitMemory(allowance: UInt64) throws(SandboxError) {
        let limit = try mappedByteCount() + allowance
        try Sandbox.limit(.addressSpace, to: limit)
        try Sandbox.limit(.dataByteCount, to: limit)
    }

    /// The size of the address space in use, to a page: the least limit under which one more page could be mapped.
    /// Some 35 trials of a microsecond each.
    static func mappedByteCount() throws(SandboxError) -> UInt64 {
        let page: UInt64 = 4096
        // In pages: one that is too little, and one that is enough, as no address has more than 47 bits.
        var (little, enough) = (UInt64(0), UInt64(1) << 47 / page)
        while enough - little > 1 {
            let middle = (little + enough) / 2
            switch CLinux_page_fits(middle * page) {
            case 0: little = middle
            case 1: enough = middle
            default: throw SandboxError(step: "setrlimit addressSpace", errno: .current)
            }
        }
        return little * page
    }
}
