import CLinux
import Glibc

/// An address of a device (RTM_NEWADDR).
public struct LinkAddress: Equatable, Sendable {
    public var index: UInt32
    /// 4 or 16 bytes, in network order.
    public var bytes: [UInt8]
    public var prefixLength: UInt8

    /// Nil for other messages, and for families other than IPv4 and IPv6.
    public init?(_ message: NetlinkMessage) {
        guard message.type == UInt16(RTM_NEWADDR), message.payload.count >= Self.headerByteCount else { return nil }
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        prefixLength = message.payload.integer(at: 1)
        index = message.payload.integer(at: 4)
        let attributes = NetlinkAttributes(message.payload.dropFirst(Self.headerByteCount))
        // On a point-to-point IPv4 device IFA_ADDRESS is the peer's and IFA_LOCAL ours (rtnetlink(7)).
        guard let value = attributes[Int(IFA_LOCAL)] ?? attributes[Int(IFA_ADDRESS)], [4, 16].contains(value.count)
        else { return nil }
        bytes = Array(value)
    }

    private static let headerByteCount = 8
}

extension NetlinkSocket {
    /// Every address of the namespace.
    public mutating func addresses() throws(NetlinkError) -> [LinkAddress] {
        try dump("list addresses") { writer in
            writer.message(UInt16(RTM_GETADDR), .dump) {
                $0.append(UInt8(AF_UNSPEC))
                $0.append(0 as UInt8)
                $0.append(0 as UInt16)
                $0.append(0 as UInt32)
            }
        }.compactMap(LinkAddress.init)
    }
}
