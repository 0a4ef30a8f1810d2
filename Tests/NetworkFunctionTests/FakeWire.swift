import CLinux
import Glibc
import Linux
import NetworkFunction
import TCPStack
import TestSupport
import XSK

@testable import NetworkFunction

/// The kernel's half of an AF_XDP socket, and a TCP client on the other side of the wire.
final class FakeWire {
    static let layout = UMEMLayout(
        chunkByteCount: 2048, receiveChunks: 64, transmitChunks: 64, chunksPerTransmitFrame: 1,
        transmitMetadataByteCount: 0)
    static let server = Endpoint(address: WorkerOptionsTests.address, port: 80)

    private let memory: FileDescriptor
    private let umem: MappedRegion
    private let rings = (
        receive: FakeKernelRing<xdp_desc>(capacity: 64), transmit: FakeKernelRing<xdp_desc>(capacity: 64),
        fill: FakeKernelRing<UInt64>(capacity: 64), completion: FakeKernelRing<UInt64>(capacity: 64)
    )
    private var receive: ProducerRing<xdp_desc>
    private var transmit: ConsumerRing<xdp_desc>
    private var fill: ConsumerRing<UInt64>
    private var completion: ProducerRing<UInt64>
    private var client: Stack
    private(set) var connection: ConnectionID
    private(set) var receivedByteCount = 0
    private var tap = FileDescriptor(owning: -1)
    /// Of the frames that came by the TAP.
    private(set) var headers: [virtio_net_hdr] = []
    private(set) var clientEvents: ConnectionEvents = []
    var now = Instant(nanoseconds: 1_000_000_000)

    init() throws {
        memory = try SharedMemory.create(name: "test", byteCount: Self.layout.byteCount)
        umem = try MappedRegion(memory, byteCount: Self.layout.byteCount)
        receive = ProducerRing(rings.receive.ring)
        transmit = ConsumerRing(rings.transmit.ring)
        fill = ConsumerRing(rings.fill.ring)
        completion = ProducerRing(rings.completion.ring)
        client = Stack(Configuration(secret: (3, 4)))
        let local = Endpoint(address: WorkerOptionsTests.otherAddress, port: 40_000)
        connection = client.connect(
            to: Self.server, from: local, by: LinkPath(destination: 0x0200_0000_0001, source: 0x0200_0000_0002),
            at: now)!
    }

    /// The NF's end of this wire. A kick of it goes nowhere: the wire looks at the rings when it is told to.
    func port() throws -> XSKPort {
        XSKPort(
            layout: Self.layout, socket: try FileDescriptor(opening: "/dev/null", flags: 0),
            umem: try MappedRegion(memory, byteCount: Self.layout.byteCount),
            rings: XSKRings(
                receive: rings.receive.ring, transmit: rings.transmit.ring, fill: rings.fill.ring,
                completion: rings.completion.ring),
            offloadsChecksum: false)
    }

    func send(byteCount: Int) { client.send(connection, byteCount: byteCount) }

    /// Puts what the client has to send into the RX ring; returns how many frames.
    func carryToServer() -> Int {
        var count = 0
        while fill.refreshedAvailable(limit: 1) > 0 {
            let address = Int(fill.slot(at: 0)) + 256
            var frame = unsafe UnsafeMutableRawBufferPointer(start: umem.base + address, count: 1792).mutableBytes
            guard let segment = client.nextSegment(into: &frame, at: now) else { break }
            for offset in segment.payload { frame.storeBytes(of: 0x61, toByteOffset: offset, as: UInt8.self) }
            client.seal(segment, &frame)
            fill.release(1)
            _ = receive.append(xdp_desc(addr: UInt64(address), len: UInt32(segment.byteCount), options: 0))
            count += 1
        }
        receive.publish()
        return count
    }

    /// An NF's TAP device, and the other end of it, which keeps some frames.
    func makeTap() throws -> TapPort {
        var ends: (CInt, CInt) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) {
            unsafe socketpair(
                AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0,
                $0.baseAddress!.assumingMemoryBound(to: CInt.self))
        }
        try Errno.check(result)
        tap = FileDescriptor(owning: ends.1)
        return TapPort(owning: ends.0)
    }

    /// Takes what the NF wrote to its TAP device, as the kernel does, to the client; returns the frames' sizes.
    func carryFromTap() -> [Int] {
        var sizes: [Int] = []
        var bytes = [UInt8](repeating: 0, count: 70_000)
        while true {
            let count = unsafe read(tap.rawValue, &bytes, bytes.count)
            guard count > 10 else { return sizes }
            sizes.append(count - 10)
            let header = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: virtio_net_hdr.self) }
            headers.append(header)
            let frame = Array(bytes[10..<count])
            let segment = Segment(
                connection: nil, byteCount: frame.count, payload: Int(header.hdr_len)..<frame.count, streamOffset: 0,
                checksumStart: Int(header.csum_start), cutByteCount: Int(header.gso_size))
            for piece in SegmentCutter.cut(frame, segment) { take(unsafe piece.span.bytes) }
        }
    }

    private func take(_ frame: RawSpan) {
        let arrival = client.receive(frame, at: now)
        clientEvents.formUnion(arrival.events)
        receivedByteCount += arrival.payload.count
        if !arrival.payload.isEmpty {
            clientEvents.formUnion(client.deliver(arrival, consumed: arrival.payload.count, frame: frame))
        }
    }

    /// Takes what the NF sent to the client and completes the frames; returns how many.
    func carryToClient() -> Int {
        let count = transmit.refreshedAvailable(limit: 64)
        for offset in 0..<count {
            let descriptor = transmit.slot(at: offset)
            let frame = unsafe UnsafeRawBufferPointer(
                start: umem.base + Int(descriptor.addr), count: Int(descriptor.len)
            ).bytes
            take(frame)
            _ = completion.append(descriptor.addr)
        }
        transmit.release(count)
        completion.publish()
        return Int(count)
    }

    deinit {
        rings.receive.deallocate()
        rings.transmit.deallocate()
        rings.fill.deallocate()
        rings.completion.deallocate()
    }
}
