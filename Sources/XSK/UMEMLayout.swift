/// How a UMEM is divided: chunks for receiving first, then frames for transmitting.
///
/// A transmit frame is one or more adjacent chunks, so that a packet larger than a chunk is contiguous for its writer
/// and goes out as several descriptors (`XDP_USE_SG`, Documentation/networking/af_xdp.rst).
public struct UMEMLayout: Equatable, Sendable {
    /// Bytes of one chunk: 2048 or 4096 (`XDP_UMEM_REG` wants a power of two up to the page size).
    public var chunkByteCount: UInt32
    public var receiveChunks: UInt32
    public var transmitChunks: UInt32
    public var chunksPerTransmitFrame: UInt32
    /// Bytes of `struct xsk_tx_metadata` kept free before each frame, or 0.
    public var transmitMetadataByteCount: UInt32

    public init(
        chunkByteCount: UInt32, receiveChunks: UInt32, transmitChunks: UInt32, chunksPerTransmitFrame: UInt32,
        transmitMetadataByteCount: UInt32
    ) {
        self.chunkByteCount = chunkByteCount
        self.receiveChunks = receiveChunks
        self.transmitChunks = transmitChunks
        self.chunksPerTransmitFrame = chunksPerTransmitFrame
        self.transmitMetadataByteCount = transmitMetadataByteCount
    }

    /// The layout for packets of `mtu` bytes.
    /// - Parameters:
    ///   - frames: Chunks in all; half receive, half transmit, rounded down to a power of two and to
    ///     `mostTransmitFrames`.
    ///   - multiBuffer: Whether frames may span chunks. If not, the chunk must hold a whole frame.
    ///   - transmits: Whether the socket also sends; without it there are no transmit frames.
    /// - Returns: nil when a frame of `mtu` bytes cannot be held: see `largestSingleBufferMTU`.
    public static func fitting(
        mtu: UInt32, frames: UInt32, multiBuffer: Bool, transmitMetadata: Bool, transmits: Bool = true
    ) -> UMEMLayout? {
        let frameByteCount = mtu + Self.linkHeaderByteCount
        let receiveFits = { (chunk: UInt32) in frameByteCount + Self.kernelHeadroom <= chunk }
        let chunk: UInt32 = receiveFits(2048) ? 2048 : 4096
        // The kernel wants the metadata's room before every descriptor of a packet, also those that carry none
        // (xp_aligned_validate_desc, net/xdp/xsk_queue.h), and adjacent chunks have none: one or the other.
        let metadata: UInt32 = transmitMetadata && frameByteCount + 24 <= chunk ? 24 : 0
        guard receiveFits(chunk) || multiBuffer else { return nil }
        let perFrame = (frameByteCount + metadata + chunk - 1) / chunk
        guard perFrame == 1 || multiBuffer else { return nil }
        let half = max(64, powerOfTwo(atMost: frames / 2))
        let transmitFrames = transmits ? min(max(half / perFrame, 64), Self.mostTransmitFrames) : 0
        return UMEMLayout(
            chunkByteCount: chunk, receiveChunks: half, transmitChunks: transmitFrames * perFrame,
            chunksPerTransmitFrame: perFrame, transmitMetadataByteCount: metadata)
    }

    /// Frames that can be in flight at once. The ring of a veth device holds 256 buffers (VETH_RING_SIZE in
    /// drivers/net/veth.c) and drops what comes on top, and a frame is in flight as long as its buffer is in there: with
    /// fewer frames than that the ring cannot overflow, whoever empties it, on every kernel.
    public static let mostTransmitFrames: UInt32 = 240
    /// `XDP_PACKET_HEADROOM`, which the kernel keeps free in every received chunk.
    public static let kernelHeadroom: UInt32 = 256
    /// Ethernet header and one 802.1Q tag, in bytes.
    public static let linkHeaderByteCount: UInt32 = 18
    /// The largest MTU without multi-buffer, in bytes (4096-byte chunks).
    public static let largestSingleBufferMTU: UInt32 = 4096 - kernelHeadroom - linkHeaderByteCount

    public var byteCount: Int { Int(chunkByteCount) * Int(receiveChunks + transmitChunks) }
    /// Complete transmit frames.
    public var transmitFrames: UInt32 { transmitChunks / chunksPerTransmitFrame }
    public var transmitFrameByteCount: UInt32 { chunkByteCount * chunksPerTransmitFrame }
    /// Slots of the RX ring.
    public var receiveRingSlots: UInt32 { receiveChunks }
    /// Slots of the FILL ring: every receive chunk has one, always.
    public var fillRingSlots: UInt32 { receiveChunks }
    /// Slots of the TX and COMPLETION rings: every descriptor that can be in flight has one. A socket that sends nothing
    /// has them too, because bind(2) asks for the second.
    public var transmitRingSlots: UInt32 { Self.powerOfTwo(atLeast: max(transmitChunks, 2)) }

    private static func powerOfTwo(atMost value: UInt32) -> UInt32 {
        value == 0 ? 0 : 1 << (31 - UInt32(value.leadingZeroBitCount))
    }

    private static func powerOfTwo(atLeast value: UInt32) -> UInt32 {
        let below = powerOfTwo(atMost: value)
        return below == value ? value : below * 2
    }
}
