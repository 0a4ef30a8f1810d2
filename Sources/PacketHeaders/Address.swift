/// An IPv6 address, or an IPv4 address in its IPv4-mapped form (RFC 4291 §2.5.5.2), as it lies in a packet.
public struct Address: Equatable, Hashable, Sendable, BitwiseCopyable {
    /// The first and last eight bytes, in network byte order in memory.
    public var high: UInt64
    public var low: UInt64

    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `::ffff:a.b.c.d`.
    /// - Parameter ipv4: The four bytes in network byte order in memory.
    @inlinable public init(ipv4: UInt32) {
        high = 0
        low = UInt64(ipv4) << 32 | UInt64(0xFFFF_0000 as UInt32)
    }

    @inlinable public var isIPv4: Bool { high == 0 && UInt32(truncatingIfNeeded: low) == 0xFFFF_0000 }

    /// The embedded IPv4 address in network byte order in memory.
    @inlinable public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low >> 32) }

    /// The unspecified address `::`, which a listener uses for "any".
    public static var any: Address { Address(high: 0, low: 0) }
}
