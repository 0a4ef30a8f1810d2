public import CLinux
public import Linux
import Glibc

/// The four rings of an AF_XDP socket, mapped into the process that uses them.
public struct XSKRings: ~Copyable {
    public var receive: ConsumerRing<xdp_desc>
    public var transmit: ProducerRing<xdp_desc>
    public var fill: ProducerRing<UInt64>
    public var completion: ConsumerRing<UInt64>

    /// Each ring mapping also holds a reference to the socket: its queue stays bound until they are gone.
    private let regions: Regions?

    private struct Regions: ~Copyable {
        let receive, transmit, fill, completion: MappedRegion
    }

    /// Maps the rings of an unbound socket (`XDP_MMAP_OFFSETS`).
    public init(socket: borrowing FileDescriptor, layout: UMEMLayout) throws(XSKError) {
        var offsets = xdp_mmap_offsets()
        var length = socklen_t(MemoryLayout<xdp_mmap_offsets>.size)
        try xskCheck(
            unsafe getsockopt(socket.rawValue, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length), "XDP_MMAP_OFFSETS")
        let regions = Regions(
            receive: try Self.map(
                socket, Int(XDP_PGOFF_RX_RING), offsets.rx, layout.receiveRingSlots, MemoryLayout<xdp_desc>.size),
            transmit: try Self.map(
                socket, Int(XDP_PGOFF_TX_RING), offsets.tx, layout.transmitRingSlots, MemoryLayout<xdp_desc>.size),
            fill: try Self.map(
                socket, Int(XDP_UMEM_PGOFF_FILL_RING), offsets.fr, layout.fillRingSlots, MemoryLayout<UInt64>.size),
            completion: try Self.map(
                socket, Int(XDP_UMEM_PGOFF_COMPLETION_RING), offsets.cr, layout.transmitRingSlots,
                MemoryLayout<UInt64>.size))
        receive = ConsumerRing(Self.ring(regions.receive, offsets.rx, layout.receiveRingSlots))
        transmit = ProducerRing(Self.ring(regions.transmit, offsets.tx, layout.transmitRingSlots))
        fill = ProducerRing(Self.ring(regions.fill, offsets.fr, layout.fillRingSlots))
        completion = ConsumerRing(Self.ring(regions.completion, offsets.cr, layout.transmitRingSlots))
        self.regions = .some(regions)
    }

    /// Rings in memory that the caller keeps, with something else than the kernel at their other ends.
    public init(
        receive: Ring<xdp_desc>, transmit: Ring<xdp_desc>, fill: Ring<UInt64>, completion: Ring<UInt64>
    ) {
        self.receive = ConsumerRing(receive)
        self.transmit = ProducerRing(transmit)
        self.fill = ProducerRing(fill)
        self.completion = ConsumerRing(completion)
        regions = nil
    }

    private static func map(
        _ socket: borrowing FileDescriptor, _ offset: Int, _ ring: xdp_ring_offset, _ slots: UInt32,
        _ slotByteCount: Int
    ) throws(XSKError) -> MappedRegion {
        do {
            return try MappedRegion(socket, offset: offset, byteCount: Int(ring.desc) + Int(slots) * slotByteCount)
        } catch {
            throw XSKError(call: "mmap of a ring", errno: error)
        }
    }

    private static func ring<Slot>(
        _ region: borrowing MappedRegion, _ offsets: xdp_ring_offset, _ slots: UInt32
    ) -> Ring<Slot> {
        // Safe: the kernel gave these offsets for this mapping, which lives as long as the rings.
        unsafe Ring(
            producer: SharedIndex(word: region.base + Int(offsets.producer)),
            consumer: SharedIndex(word: region.base + Int(offsets.consumer)),
            flags: SharedIndex(word: region.base + Int(offsets.flags)),
            slots: (region.base + Int(offsets.desc)).assumingMemoryBound(to: Slot.self), capacity: slots)
    }
}
