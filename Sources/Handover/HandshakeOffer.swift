/// What every NF's TCP stack offers in its SYN,ACK, and the platform's SYN gate in its place.
public enum HandshakeOffer {
    public static let initialReceiveWindow = 65_535
    public static let maximumReceiveWindow = 1 << 20
    /// The smallest with which the largest window fits the header's field (RFC 7323 §2.2).
    public static var windowShift: UInt8 {
        var shift: UInt8 = 0
        while maximumReceiveWindow >> Int(shift) > 65_535 && shift < 14 { shift += 1 }
        return shift
    }
}
