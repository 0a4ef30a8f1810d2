extension Address {
    /// Whether a host may have sent from this address: not unspecified, not loopback, not multicast, not broadcast
    /// (RFC 1122 §3.2.1.3, RFC 4291 §2.7).
    @inlinable public var isUnicastSource: Bool {
        if isIPv4 {
            let address = UInt32(bigEndian: ipv4)
            let first = address &>> 24
            return address != 0 && first != 127 && first < 224
        }
        if high == 0 && (low == 0 || low == UInt64(bigEndian: 1)) { return false }
        return UInt64(bigEndian: high) &>> 56 != 0xFF
    }
}
