import PacketHeaders

/// The four values that name a connection (RFC 9293 §3.3), from this end's view.
struct ConnectionIdentity: Equatable, BitwiseCopyable {
    var peer: Address
    var local: Address
    var peerPort: UInt16
    var localPort: UInt16

    var ports: UInt64 { UInt64(peerPort) &<< 16 | UInt64(localPort) }

    /// For table lookups: folded 64 by 64 bit products (as in Wang Yi's wyhash) with a secret key. Its values never
    /// leave the stack, so that it need not be as strong as SipHash, which takes five times as long.
    @inline(__always)
    func tableHash(_ key: (UInt64, UInt64)) -> UInt32 {
        let first = Self.fold(peer.low ^ key.0, local.low ^ key.1)
        let second = Self.fold(peer.high ^ key.1, local.high ^ ports ^ key.0)
        let hash = Self.fold(first ^ key.0, second ^ 0x9E37_79B9_7F4A_7C15)
        return UInt32(truncatingIfNeeded: hash ^ hash &>> 32)
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// SipHash-2-4 of the identity and one more word.
    func hash(_ key: (UInt64, UInt64), with word: UInt64) -> UInt64 {
        var hash = SipHash(key: key)
        hash.add(peer.high, compressionRounds: 2)
        hash.add(peer.low, compressionRounds: 2)
        hash.add(local.high, compressionRounds: 2)
        hash.add(local.low, compressionRounds: 2)
        hash.add(ports, compressionRounds: 2)
        hash.add(word, compressionRounds: 2)
        return hash.finish(compressionRounds: 2, finalizationRounds: 4)
    }
}
