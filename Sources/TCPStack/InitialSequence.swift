/// Initial sequence numbers and timestamp offsets, RFC 6528 §3: a clock plus a keyed hash of the connection's identity.
struct InitialSequence {
    private let key: (UInt64, UInt64)

    init(secret: (UInt64, UInt64)) {
        // The table's hash uses the secret itself; different keys keep one from telling about the other.
        key = (secret.0 ^ 0xA5A5_5A5A_0F0F_F0F0, secret.1 ^ 0x3C3C_C3C3_9696_6969)
    }

    /// M ticks every 4 microseconds.
    func number(_ identity: ConnectionIdentity, at now: Instant) -> SequenceNumber {
        let hash = identity.hash(key, with: 0)
        return SequenceNumber(UInt32(truncatingIfNeeded: hash) &+ UInt32(truncatingIfNeeded: now.nanoseconds / 4_000))
    }

    /// RFC 7323 §5.4: a random offset a connection.
    func timestampOffset(_ identity: ConnectionIdentity) -> UInt32 {
        UInt32(truncatingIfNeeded: identity.hash(key, with: 1))
    }
}
