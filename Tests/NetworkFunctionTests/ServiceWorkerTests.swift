import CAllocationCounter
import CLinux
import Handover
import Linux
import PacketHeaders
import TCPStack
import Testing
import XSK

@testable import NetworkFunction

/// Answers every byte with `factor` bytes.
private struct Amplifier: ~Copyable, Service {
    let factor: Int
    var ended = 0

    mutating func accepted(_ connection: inout Connection, peer: Endpoint, local: Endpoint) -> UInt64 { 0 }

    mutating func received(_ bytes: RawSpan, on connection: inout Connection, state: inout UInt64) -> Int {
        state += UInt64(bytes.byteCount)
        connection.send(byteCount: bytes.byteCount * factor)
        return bytes.byteCount
    }

    mutating func produce(
        _ payload: inout MutableRawSpan, at offset: UInt64, on connection: inout Connection, state: inout UInt64
    ) -> Bool {
        for index in 0..<payload.byteCount { payload.storeBytes(of: 0x62, toByteOffset: index, as: UInt8.self) }
        return true
    }

    mutating func closed(_ connection: Connection, state: inout UInt64, reason: CloseReason) { ended += 1 }
}

@Suite struct ServiceWorkerTests {
    private static func makeWorker(
        _ wire: FakeWire, factor: Int, tap: consuming TapPort = TapPort(owning: -1)
    ) throws -> ServiceWorker<Amplifier> {
        var configuration = Configuration(secret: (1, 2))
        configuration.allowsSegmentation = tap.isOpen
        configuration.transmitChecksum = tap.isOpen ? .partial : .full
        var stack = Stack(configuration)
        let isListening = stack.listen(on: FakeWire.server)
        #expect(isListening)
        return try ServiceWorker(
            service: Amplifier(factor: factor), stack: stack, port: wire.port(), tap: tap,
            telemetry: Telemetry(mapping: Telemetry.createMemory()), connectionCapacity: 65_536)
    }

    /// One turn of the worker's loop, without the sleep.
    private static func turn(_ worker: inout ServiceWorker<Amplifier>, at now: Instant) {
        worker.now = now
        _ = worker.receive()
        worker.runTimers()
        _ = worker.transmit()
    }

    private static func exchange(_ wire: FakeWire, _ worker: inout ServiceWorker<Amplifier>) {
        for _ in 0..<64 {
            let sent = wire.carryToServer()
            turn(&worker, at: wire.now)
            let answered = wire.carryToClient()
            wire.now.nanoseconds += 10_000
            if sent + answered == 0 { return }
        }
    }

    @Test func aClientIsAnsweredAndEveryFrameComesBack() throws {
        let wire = try FakeWire()
        var worker = try Self.makeWorker(wire, factor: 100)
        Self.exchange(wire, &worker)
        wire.send(byteCount: 1_000)
        for _ in 0..<20 { Self.exchange(wire, &worker) }
        #expect(wire.receivedByteCount == 100_000)
        worker.port.reclaim()
        let free = worker.port.freeFrames
        #expect(free == Int(FakeWire.layout.transmitFrames))
        let accepted = worker.telemetry[.accepted]
        #expect(accepted == 1)
    }

    /// What leaves by the TAP device: runs of segments, their headers for the kernel, and nothing lost when it is full.
    @Test func aTapTakesRunsOfSegments() throws {
        let wire = try FakeWire()
        var worker = try Self.makeWorker(wire, factor: 1_000, tap: wire.makeTap())
        var sizes: [Int] = []
        wire.send(byteCount: 1_000)
        for _ in 0..<2_000 where wire.receivedByteCount < 1_000_000 {
            _ = wire.carryToServer()
            Self.turn(&worker, at: wire.now)
            sizes += wire.carryFromTap()
            wire.now.nanoseconds += 100_000
        }
        #expect(wire.receivedByteCount == 1_000_000)
        #expect(sizes.max()! > 60_000)
        for header in wire.headers {
            #expect(header.flags == UInt8(VIRTIO_NET_HDR_F_NEEDS_CSUM) && header.csum_offset == 16)
            #expect(header.gso_type == (header.gso_size == 0 ? 0 : UInt8(VIRTIO_NET_HDR_GSO_TCPV4)))
        }
        let packets = worker.telemetry[.txPackets]
        #expect(packets >= 1_000_000 / 1_448)
    }

    @Test func aFullTapIsTriedAgain() throws {
        let wire = try FakeWire()
        var worker = try Self.makeWorker(wire, factor: 10_000, tap: wire.makeTap())
        wire.send(byteCount: 1_000)
        var waits = 0
        // Small windows at first: let them grow until a turn has more to send than the device takes.
        for round in 0..<20_000 where wire.receivedByteCount < 10_000_000 {
            _ = wire.carryToServer()
            worker.now = wire.now
            _ = worker.receive()
            worker.runTimers()
            if case .pending = worker.transmit() { waits += 1 }
            if round % 3 == 0 { _ = wire.carryFromTap() }
            wire.now.nanoseconds += 100_000
        }
        #expect(wire.receivedByteCount == 10_000_000)
        #expect(waits > 0)
        let retries = worker.tap.retries
        #expect(retries >= waits)
        let retransmitted = worker.stack.counters[.retransmittedSegments]
        #expect(retransmitted == 0)
    }

    /// The path from the RX ring to the TX ring allocates nothing.
    @Test func aTurnAllocatesNothing() throws {
        let wire = try FakeWire()
        var worker = try Self.makeWorker(wire, factor: 3)
        Self.exchange(wire, &worker)
        var allocations: UInt64 = 0
        var frames = 0
        for _ in 0..<2_000 {
            wire.send(byteCount: 100)
            frames += wire.carryToServer()
            let before = allocation_count()
            Self.turn(&worker, at: wire.now)
            allocations += allocation_count() - before
            _ = wire.carryToClient()
            wire.now.nanoseconds += 1_000_000
        }
        #expect(frames >= 2_000)
        #expect(wire.receivedByteCount >= 1_990 * 300)
        #expect(allocations == 0)
    }

    /// The device keeps frames for a while: nothing is lost, sending goes on when they come back.
    @Test func withoutFramesSendingWaits() throws {
        let wire = try FakeWire()
        var worker = try Self.makeWorker(wire, factor: 1_000)
        Self.exchange(wire, &worker)
        wire.send(byteCount: 1_000)
        for _ in 0..<300 {
            _ = wire.carryToServer()
            Self.turn(&worker, at: wire.now)
            Self.turn(&worker, at: wire.now)
            let inFlight = worker.port.frameCount - worker.port.freeFrames
            #expect(inFlight <= Int(FakeWire.layout.transmitFrames))
            _ = wire.carryToClient()
            wire.now.nanoseconds += 50_000
        }
        #expect(wire.receivedByteCount == 1_000_000)
    }
}
