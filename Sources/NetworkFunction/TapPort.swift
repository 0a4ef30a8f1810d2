import Glibc
public import Linux
public import TCPStack

/// The TAP device by which an NF sends: one frame may be a whole run of TCP segments, which the port's driver cuts
/// (segmentation offload), and whose checksums it or the kernel completes.
///
/// An AF_XDP socket has no such thing, and on a veth each of its frames is a buffer that the kernel makes, queues and
/// hands on by itself: some microseconds for what is one write here. The egress program polices both ways alike.
@safe public struct TapPort: ~Copyable {
    /// -1: there is none.
    public let descriptor: CInt
    /// struct virtio_net_hdr, then the frame.
    @usableFromInline let buffer: UnsafeMutableRawPointer
    /// Bytes in the buffer that the kernel had no room for yet.
    @usableFromInline var waiting = 0
    /// Frames written, and writes put off for want of room.
    public internal(set) var writes: UInt64 = 0
    public internal(set) var retries: UInt64 = 0

    /// The largest frame: what the length field of an IPv4 packet can say, and its Ethernet header.
    public static var frameByteCount: Int { 65_535 + 18 }

    /// - Parameter descriptor: Of `Tap.make`; -1 when the NF sends by its socket instead. Closed with the port.
    public init(owning descriptor: CInt) {
        self.descriptor = descriptor
        let byteCount = descriptor < 0 ? 0 : Tap.headerByteCount + Self.frameByteCount
        unsafe buffer = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit {
        unsafe buffer.deallocate()
        if descriptor >= 0 { _ = close(descriptor) }
    }

    @inlinable public var isOpen: Bool { descriptor >= 0 }

    /// Where the next frame is written. Not while one waits.
    @inlinable var frame: UnsafeMutableRawPointer { unsafe buffer + Tap.headerByteCount }

    /// Sends the frame whose segment this is.
    @inlinable mutating func send(_ segment: Segment) -> XSKPort.Kick {
        writeHeader(segment)
        waiting = Tap.headerByteCount + segment.byteCount
        return flush()
    }

    /// Sends what waits.
    @usableFromInline mutating func flush() -> XSKPort.Kick {
        guard waiting > 0 else { return .sent }
        while true {
            let result = unsafe write(descriptor, buffer, waiting)
            if result >= 0 {
                waiting = 0
                writes &+= 1
                return .sent
            }
            switch errno {
            case EINTR: continue
            // Its buffers are all on their way (TUNSETSNDBUF), or there is no memory.
            case EAGAIN, ENOMEM, ENOBUFS:
                retries &+= 1
                return .pending
            // tun_get_user of drivers/net/tun.c: the device is down.
            case EIO: return .down
            case let error: return .dead(Errno(rawValue: error))
            }
        }
    }

    /// VIRTIO 1.2 §5.1.6: complete the checksum; cut into segments.
    @inlinable func writeHeader(_ segment: Segment) {
        let isCut = segment.cutByteCount > 0
        unsafe buffer.storeBytes(of: 1 as UInt8, as: UInt8.self)  // VIRTIO_NET_HDR_F_NEEDS_CSUM
        unsafe buffer.storeBytes(of: isCut ? segmentationKind(segment) : 0, toByteOffset: 1, as: UInt8.self)
        store(segment.payload.lowerBound, at: 2)
        store(segment.cutByteCount, at: 4)
        store(segment.checksumStart, at: 6)
        store(segment.checksumOffset, at: 8)
    }

    @inlinable func store(_ value: Int, at offset: Int) {
        unsafe buffer.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: offset, as: UInt16.self)
    }

    /// VIRTIO_NET_HDR_GSO_TCPV4 or _TCPV6, and _ECN where only the first segment may say CWR (RFC 3168 §6.1.2).
    @inlinable func segmentationKind(_ segment: Segment) -> UInt8 {
        let control = unsafe frame.load(fromByteOffset: segment.checksumStart + 13, as: UInt8.self)
        return (segment.isIPv6 ? 4 : 1) | (control & 0x80)
    }
}
