import PacketHeaders

/// The four values that name a connection (RFC 9293 §3.3), from this end's view.
struct ConnectionIdentity: Equatable, BitwiseCopyable {
    var peer: Address
    var local: Address
    var peerPort: UInt16
    var localPort: UInt16

    var ports: UInt64 { UInt64(peerPort) &<< 16 | UInt64(localPort) }

    /// SipHash-1-3 for table lookups; the high halves of IPv4-mapped addresses are constant and left out.
    func tableHash(_ key: (UInt64, UInt64)) -> UInt32 {
        var hash = SipHash(key: key)
        if !(peer.isIPv4 && local.isIPv4) {
            hash.add(peer.high, compressionRounds: 1)
            hash.add(local.high, compressionRounds: 1)
        }
        hash.add(peer.low, compressionRounds: 1)
        hash.add(local.low, compressionRounds: 1)
        hash.add(ports, compressionRounds: 1)
        return UInt32(truncatingIfNeeded: hash.finish(compressionRounds: 1, finalizationRounds: 3))
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
