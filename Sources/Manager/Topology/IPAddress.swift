import Glibc

/// An IPv6 address, or an IPv4 address in its IPv4-mapped form (RFC 4291 §2.5.5.2), as text and as a packet's bytes.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The first and last eight bytes, most significant byte first.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 4 or 16 bytes in network order; any other count gives nil.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            high = 0
            low = bytes.reduce(0xFFFF) { $0 << 8 | UInt64($1) }
        case 16:
            high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
            low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        default:
            return nil
        }
    }

    /// From text as inet_pton(3) takes it: dotted quad or RFC 4291 §2.2; no scope, no prefix length.
    public init?(_ text: String) {
        let family = text.contains(":") ? AF_INET6 : AF_INET
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        guard unsafe inet_pton(family, text, &bytes) == 1 else { return nil }
        self.init(bytes: bytes)
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }
    public var isUnspecified: Bool { high == 0 && (low == 0 || low == 0xFFFF_0000_0000) }
    /// 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291 §2.7).
    public var isMulticast: Bool { isIPv4 ? (low >> 28) & 0xF == 0xE : high >> 56 == 0xFF }

    /// The sixteen bytes in network order.
    public var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let source = isIPv4 ? Array(bytes.suffix(4)) : bytes
        guard unsafe inet_ntop(isIPv4 ? AF_INET : AF_INET6, source, &text, socklen_t(text.count)) != nil else {
            return "?"
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `10.0.0.1:80` or `[fd77::1]:80` (RFC 3986 §3.2.2).
    public func description(port: UInt16) -> String { isIPv4 ? "\(self):\(port)" : "[\(self)]:\(port)" }
}
