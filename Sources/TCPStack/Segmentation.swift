/// Segmentation offload: one frame that the device cuts into segments, headers repeated (TSO; struct virtio_net_hdr,
/// skb_shared_info.gso_size). For everything but the frame it is as if the segments had been written one by one.
extension TransmissionControlBlock {
    /// How much of the stream goes in one frame when a full segment of `room` bytes may be sent: full segments, and a
    /// shorter last one only at the end of what there is to send.
    @inline(__always)
    func runByteCount(room: UInt32, frameByteCount: Int) -> UInt32 {
        let inFrame = UInt32(min(frameByteCount, Self.largestRun) &- SegmentWriter.maximumHeaderByteCount) / room &* room
        let unsent = unsentByteCount
        let allowed = min(usableWindow, congestion.window &- min(pipe, congestion.window))
        if unsent <= UInt64(min(inFrame, allowed)) { return UInt32(unsent) }
        return max(room, min(inFrame, allowed) / room &* room)
    }

    /// The total length field of IPv4 has 16 bits.
    private static var largestRun: Int { 65_535 }
}

extension Plan {
    @inline(__always)
    var segmentCount: Int { cutByteCount == 0 ? 1 : Int((byteCount &+ cutByteCount &- 1) / cutByteCount) }
}
