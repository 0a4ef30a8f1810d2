public import PacketHeaders

/// An address and port of one end of a connection.
@frozen public struct Endpoint: Equatable, Hashable, Sendable, BitwiseCopyable {
    public var address: Address
    public var port: UInt16

    @inlinable public init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }
}

/// How frames reach a peer: the Ethernet header of an active open. A passive open answers by the way it was reached.
@frozen public struct LinkPath: Equatable, Sendable, BitwiseCopyable {
    /// MAC addresses, the first byte on the wire in bits 40...47.
    public var destination: UInt64
    public var source: UInt64
    /// 802.1Q tag control information; nil is an untagged frame.
    public var vlan: UInt16?

    @inlinable public init(destination: UInt64, source: UInt64, vlan: UInt16? = nil) {
        self.destination = destination
        self.source = source
        self.vlan = vlan
    }
}
