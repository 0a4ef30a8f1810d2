/// One frame to transmit, with one segment or a run of them, whose headers the stack wrote and whose payload the caller writes before `Stack.seal`.
@frozen public struct Segment: Sendable {
    /// Nil for a segment that belongs to no connection: a reset, or the SYN,ACK of a SYN cookie.
    public let connection: ConnectionID?
    /// The whole frame, from the Ethernet header.
    public let byteCount: Int
    /// Where the payload goes in the frame; empty for a segment without data.
    public let payload: Range<Int>
    /// The stream offset of the payload's first byte; byte 0 is the first byte the application promised.
    public let streamOffset: UInt64
    /// Where the TCP header starts and where in it the checksum lies: csum_start and csum_offset of the kernel's
    /// checksum offload (struct virtio_net_hdr, struct xsk_tx_metadata).
    public let checksumStart: Int
    /// Bytes of payload of each segment that the device is to cut the frame into, the last one's excepted (gso_size);
    /// 0: it is one segment.
    public let cutByteCount: Int
    public let isIPv6: Bool
    @inlinable public var checksumOffset: Int { 16 }
    /// How many packets leave the host.
    @inlinable public var count: Int {
        cutByteCount == 0 ? 1 : (payload.count &+ cutByteCount &- 1) / cutByteCount
    }

    @inlinable public init(
        connection: ConnectionID?, byteCount: Int, payload: Range<Int>, streamOffset: UInt64, checksumStart: Int,
        cutByteCount: Int = 0, isIPv6: Bool = false
    ) {
        self.connection = connection
        self.byteCount = byteCount
        self.payload = payload
        self.streamOffset = streamOffset
        self.checksumStart = checksumStart
        self.cutByteCount = cutByteCount
        self.isIPv6 = isIPv6
    }
}
