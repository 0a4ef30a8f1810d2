/// SipHash (Aumasson and Bernstein): a keyed hash short enough for one connection's identity.
struct SipHash: BitwiseCopyable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var wordCount: UInt64 = 0

    init(key: (UInt64, UInt64)) {
        v0 = key.0 ^ 0x736f_6d65_7073_6575
        v1 = key.1 ^ 0x646f_7261_6e64_6f6d
        v2 = key.0 ^ 0x6c79_6765_6e65_7261
        v3 = key.1 ^ 0x7465_6462_7974_6573
    }

    @inline(__always) private mutating func round() {
        v0 &+= v1
        v1 = v1 &<< 13 | v1 &>> 51
        v1 ^= v0
        v0 = v0 &<< 32 | v0 &>> 32
        v2 &+= v3
        v3 = v3 &<< 16 | v3 &>> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 &<< 21 | v3 &>> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 &<< 17 | v1 &>> 47
        v1 ^= v2
        v2 = v2 &<< 32 | v2 &>> 32
    }

    /// Adds one word with `compressionRounds` rounds: 1 for tables, 2 where the value itself must not be predicted.
    @inline(__always) mutating func add(_ word: UInt64, compressionRounds: Int) {
        v3 ^= word
        for _ in 0..<compressionRounds { round() }
        v0 ^= word
        wordCount &+= 1
    }

    /// The hash of the words added, whose length word is the number of their bytes.
    @inline(__always) mutating func finish(compressionRounds: Int, finalizationRounds: Int) -> UInt64 {
        add((wordCount &* 8) &<< 56, compressionRounds: compressionRounds)
        v2 ^= 0xFF
        for _ in 0..<finalizationRounds { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }
}
