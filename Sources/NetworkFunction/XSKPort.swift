public import CLinux
import Glibc
public import Handover
public import Linux
public import TCPStack
public import XSK

/// An NF's end of its AF_XDP socket: frames in, frames out, every frame accounted for.
///
/// The path allocates nothing. Receive chunks are in the FILL ring, the kernel, or the burst at hand; transmit frames
/// are in `pool` or in flight.
@safe public struct XSKPort: ~Copyable {
    @usableFromInline let socket: FileDescriptor
    @usableFromInline let umem: MappedRegion
    @usableFromInline let layout: UMEMLayout
    @usableFromInline let offloadsChecksum: Bool
    @usableFromInline var rings: XSKRings
    @usableFromInline var pool: TransmitPool
    /// Descriptors of each transmit frame that the kernel still has.
    @usableFromInline let outstanding: UnsafeMutablePointer<UInt8>
    /// Where a received frame of several chunks is put together.
    @usableFromInline let assembly: UnsafeMutableRawPointer
    @usableFromInline var unpublished: UInt32 = 0
    /// Frames longer than `assemblyByteCount`, dropped.
    public internal(set) var oversized: UInt64 = 0
    public internal(set) var kicks: UInt64 = 0
    public internal(set) var kickRetries: UInt64 = 0

    /// Frames taken from the RX ring at a time.
    public static var burst: UInt32 { @inlinable get { 64 } }
    /// The largest frame that is put together from chunks, in bytes.
    public static var assemblyByteCount: Int { @inlinable get { 16 * 1024 } }

    /// Maps rings and UMEM of an unbound socket and fills the FILL ring.
    public init(_ grant: Grant, socket: consuming FileDescriptor, memory: borrowing FileDescriptor) throws(XSKError) {
        let umem: MappedRegion
        do {
            // Not populated: the kernel pinned the pages when it registered them, and faults here are the minor kind.
            umem = try MappedRegion(memory, byteCount: grant.layout.byteCount, populate: false)
        } catch {
            throw XSKError(call: "mmap of the UMEM", errno: error)
        }
        let rings = try XSKRings(socket: socket, layout: grant.layout)
        self.init(
            layout: grant.layout, socket: socket, umem: umem, rings: rings,
            offloadsChecksum: grant.features.contains(.checksumOffload) && grant.layout.transmitMetadataByteCount > 0)
    }

    init(
        layout: UMEMLayout, socket: consuming FileDescriptor, umem: consuming MappedRegion, rings: consuming XSKRings,
        offloadsChecksum: Bool
    ) {
        self.layout = layout
        self.socket = socket
        self.umem = umem
        self.rings = rings
        self.offloadsChecksum = offloadsChecksum
        pool = TransmitPool(frameCount: Int(layout.transmitFrames))
        unsafe outstanding = .allocate(capacity: Int(layout.transmitFrames))
        unsafe outstanding.initialize(repeating: 0, count: Int(layout.transmitFrames))
        unsafe assembly = .allocate(byteCount: Self.assemblyByteCount, alignment: 64)
        for chunk in 0..<layout.receiveChunks {
            _ = self.rings.fill.append(UInt64(chunk) * UInt64(layout.chunkByteCount))
        }
        self.rings.fill.publish()
    }

    deinit {
        unsafe outstanding.deallocate()
        unsafe assembly.deallocate()
    }

    @inlinable public var rawDescriptor: CInt { socket.rawValue }
    @inlinable public var freeFrames: Int { pool.available }
    @inlinable public var frameCount: Int { pool.frameCount }

    // MARK: Receiving

    /// Descriptors ready to read, at most one burst.
    @inlinable public mutating func available() -> UInt32 { rings.receive.refreshedAvailable(limit: Self.burst) }

    /// One received frame: `descriptors` of the burst, contiguous at `base`. Nil bytes when it is larger than any MTU.
    @safe @frozen public struct Received {
        @usableFromInline let base: UnsafeMutableRawPointer?
        @usableFromInline let byteCount: Int
        public let descriptors: UInt32
        /// XDP metadata in front of the packet; nil where there is no room for any. What the packet's program did not
        /// write is what was there before: never bytes of a packet, as those start further back in every chunk.
        @usableFromInline let metadata: UnsafeMutableRawPointer?

        @inlinable init(
            base: UnsafeMutableRawPointer?, byteCount: Int, descriptors: UInt32, metadata: UnsafeMutableRawPointer? = nil
        ) {
            unsafe self.base = unsafe base
            self.byteCount = byteCount
            self.descriptors = descriptors
            unsafe self.metadata = unsafe metadata
        }
    }

    /// The `byteCount` bytes in front of a descriptor's packet, in its own chunk.
    @inlinable func metadata(of descriptor: xdp_desc, byteCount: Int) -> UnsafeMutableRawPointer? {
        guard Int(descriptor.addr) & Int(layout.chunkByteCount - 1) >= byteCount else { return nil }
        return unsafe umem.base + Int(descriptor.addr) - byteCount
    }

    /// The frame that starts `offset` descriptors into the burst of `count`; nil when its end is not there yet.
    @inlinable public mutating func frame(at offset: UInt32, of count: UInt32) -> Received? {
        let first = rings.receive.slot(at: offset)
        if first.options & UInt32(CLINUX_XDP_PKT_CONTD) == 0 {
            guard contains(first) else { return unsafe Received(base: nil, byteCount: 0, descriptors: 1) }
            return unsafe Received(
                base: umem.base + Int(first.addr), byteCount: Int(first.len), descriptors: 1,
                metadata: metadata(of: first, byteCount: Stack.factsByteCount))
        }
        return assemble(offset, count)
    }

    @usableFromInline mutating func assemble(_ offset: UInt32, _ count: UInt32) -> Received? {
        var byteCount = 0
        var index = offset
        while index < count {
            let part = rings.receive.slot(at: index)
            index &+= 1
            if contains(part), byteCount + Int(part.len) <= Self.assemblyByteCount {
                unsafe (assembly + byteCount).copyMemory(from: umem.base + Int(part.addr), byteCount: Int(part.len))
                byteCount += Int(part.len)
            } else {
                byteCount = Self.assemblyByteCount + 1
            }
            if part.options & UInt32(CLINUX_XDP_PKT_CONTD) == 0 {
                guard byteCount <= Self.assemblyByteCount else {
                    oversized &+= 1
                    return unsafe Received(base: nil, byteCount: 0, descriptors: index &- offset)
                }
                let first = rings.receive.slot(at: offset)
                return unsafe Received(
                    base: assembly, byteCount: byteCount, descriptors: index &- offset,
                    metadata: contains(first) ? metadata(of: first, byteCount: Stack.factsByteCount) : nil)
            }
        }
        return nil
    }

    @inlinable func contains(_ descriptor: xdp_desc) -> Bool {
        descriptor.addr < UInt64(umem.byteCount) && UInt64(descriptor.len) <= UInt64(umem.byteCount) - descriptor.addr
    }

    /// Gives the chunks of the first `count` descriptors back to the kernel.
    @inlinable public mutating func release(_ count: UInt32) {
        let chunkMask = ~UInt64(layout.chunkByteCount - 1)
        for offset in 0..<count {
            // The FILL ring has a slot for every receive chunk, so this cannot be refused.
            let accepted = rings.fill.append(rings.receive.slot(at: offset).addr & chunkMask)
            assert(accepted)
        }
        rings.receive.release(count)
        rings.fill.publish()
    }

    // MARK: Transmitting

    /// A frame to write into.
    @safe @frozen public struct TransmitFrame {
        @usableFromInline let index: UInt32
        @usableFromInline let base: UnsafeMutableRawPointer
        @usableFromInline let capacity: Int

        @inlinable init(index: UInt32, base: UnsafeMutableRawPointer, capacity: Int) {
            self.index = index
            unsafe self.base = unsafe base
            self.capacity = capacity
        }
    }

    @inlinable public mutating func takeFrame() -> TransmitFrame? {
        guard let index = pool.take() else { return nil }
        let metadata = Int(layout.transmitMetadataByteCount)
        return unsafe TransmitFrame(
            index: index, base: umem.base + Int(address(of: index)) + metadata,
            capacity: Int(layout.transmitFrameByteCount) - metadata)
    }

    /// Gives a frame back unsent.
    @inlinable public mutating func putBack(_ frame: TransmitFrame) { pool.put(frame.index) }

    /// Queues the frame's first `byteCount` bytes. The kernel sees it at the next `flush()`.
    /// - Parameter checksum: Where the kernel shall complete a checksum (csum_start and csum_offset), where the socket
    ///   has that; nil leaves the bytes as they are.
    @inlinable public mutating func submit(
        _ frame: TransmitFrame, byteCount: Int, checksum: (start: Int, offset: Int)?
    ) {
        let metadata = UInt64(layout.transmitMetadataByteCount)
        var options: UInt32 = 0
        if offloadsChecksum, let checksum {
            let request = CLinux_tx_metadata(
                flags: UInt64(CLINUX_XDP_TXMD_FLAGS_CHECKSUM), checksum_start: UInt16(truncatingIfNeeded: checksum.start),
                checksum_offset: UInt16(truncatingIfNeeded: checksum.offset), pad: 0, reserved: 0)
            unsafe (frame.base - Int(metadata)).storeBytes(of: request, as: CLinux_tx_metadata.self)
            options = UInt32(CLINUX_XDP_TX_METADATA)
        }
        var position = address(of: frame.index) + metadata
        var rest = UInt32(byteCount)
        var room = layout.chunkByteCount - UInt32(metadata)
        var descriptors: UInt8 = 0
        while rest > room {
            append(xdp_desc(addr: position, len: room, options: options | UInt32(CLINUX_XDP_PKT_CONTD)))
            descriptors += 1
            position += UInt64(room)
            rest -= room
            room = layout.chunkByteCount
            options = 0
        }
        append(xdp_desc(addr: position, len: rest, options: options))
        unsafe outstanding[Int(frame.index)] = descriptors + 1
    }

    @inlinable mutating func append(_ descriptor: xdp_desc) {
        // The TX ring has a slot for every transmit chunk, so this cannot be refused.
        let accepted = rings.transmit.append(descriptor)
        assert(accepted)
        unpublished &+= 1
    }

    @inlinable func address(of frame: UInt32) -> UInt64 {
        UInt64(layout.receiveChunks) * UInt64(layout.chunkByteCount)
            + UInt64(frame) * UInt64(layout.transmitFrameByteCount)
    }

    /// Takes back the frames the kernel is done with.
    @inlinable public mutating func reclaim() {
        let count = rings.completion.refreshedAvailable(limit: .max)
        guard count > 0 else { return }
        let first = address(of: 0)
        for offset in 0..<count {
            let completed = rings.completion.slot(at: offset)
            guard completed >= first else { continue }
            let frame = Int((completed - first) / UInt64(layout.transmitFrameByteCount))
            guard frame < pool.frameCount, unsafe outstanding[frame] > 0 else { continue }
            unsafe outstanding[frame] -= 1
            if unsafe outstanding[frame] == 0 { pool.put(UInt32(frame)) }
        }
        rings.completion.release(count)
    }

    /// What became of a `flush()`.
    public enum Kick: Sendable {
        case sent
        /// The kernel took part of it: call again soon.
        case pending
        /// The kernel took it all, and there is more to send: call again at once.
        case more
        /// The device is down; it may come back.
        case down
        /// The socket lost its device, or the kernel says it never will send: the slot must be rebuilt.
        case dead(Errno)
    }

    /// Publishes the queued frames and makes the kernel send them (errno contract: af_xdp copy mode, net/xdp/xsk.c).
    @inlinable public mutating func flush() -> Kick {
        if unpublished > 0 {
            rings.transmit.publish()
            unpublished = 0
        } else if rings.transmit.isDrained {
            return .sent
        }
        return kick()
    }

    @usableFromInline mutating func kick() -> Kick {
        var waiting = rings.transmit.unconsumedCount
        while true {
            kicks &+= 1
            let result = sendto(socket.rawValue, nil, 0, CInt(MSG_DONTWAIT), nil, 0)
            let error = errno
            let rest = rings.transmit.unconsumedCount
            if rest == 0 { return .sent }
            if result < 0 {
                switch error {
                case EAGAIN, EBUSY, ENOBUFS, EINTR: break
                case ENETDOWN: return .down
                default: return .dead(Errno(rawValue: error))
                }
            }
            // A call sends at most 32 descriptors before Linux 6.17: go on while it makes progress. Without progress
            // the device's queue is full (or the send buffer, until frames complete), and trying again at once would
            // only take the CPU from whoever empties it.
            guard rest != waiting else { return .pending }
            waiting = rest
            kickRetries &+= 1
        }
    }

    /// `XDP_STATISTICS` into the telemetry page.
    public func recordStatistics(in telemetry: borrowing Telemetry) {
        var statistics = xdp_statistics()
        var length = socklen_t(MemoryLayout<xdp_statistics>.size)
        guard unsafe getsockopt(socket.rawValue, 283, XDP_STATISTICS, &statistics, &length) == 0 else { return }
        telemetry[.xskRxDropped] = statistics.rx_dropped
        telemetry[.xskRxInvalidDescriptors] = statistics.rx_invalid_descs
        telemetry[.xskTxInvalidDescriptors] = statistics.tx_invalid_descs
        telemetry[.xskRxRingFull] = statistics.rx_ring_full
        telemetry[.xskRxFillRingEmpty] = statistics.rx_fill_ring_empty_descs
        telemetry[.xskTxRingEmpty] = statistics.tx_ring_empty_descs
    }
}

// What an NF without a TCP stack needs: whole frames by copy. Not for the fast path.
extension XSKPort {
    /// A copy of the frame that starts `offset` descriptors into the burst.
    public mutating func copyOfFrame(at offset: UInt32, of count: UInt32) -> [UInt8]? {
        guard let received = frame(at: offset, of: count), let base = unsafe received.base else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: base, count: received.byteCount))
    }

    /// Queues a frame with these bytes, cut to what it can hold.
    public mutating func send(_ bytes: [UInt8], in frame: TransmitFrame) {
        let count = min(bytes.count, frame.capacity)
        unsafe bytes.withUnsafeBytes { unsafe frame.base.copyMemory(from: $0.baseAddress!, byteCount: count) }
        submit(frame, byteCount: count, checksum: nil)
    }

    /// Queues a descriptor as it is; the kernel checks it.
    public mutating func send(descriptor: xdp_desc) { append(descriptor) }
}
