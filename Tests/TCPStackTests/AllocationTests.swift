import CAllocationCounter
import PacketHeaders
import TCPStack
import TestSupport
import Testing

@Suite struct AllocationTests {
    /// Requests and responses, losses and closes: after start no call of the stack allocates.
    @Test func noSegmentAllocates() {
        var pair = BarePair()
        pair.open()
        // Once through everything, so that what is made lazily is made.
        for round in 0..<20 { pair.round(drops: round % 5 == 4) }
        let before = allocation_count()
        for round in 0..<500 { pair.round(drops: round % 5 == 4) }
        let count = allocation_count() - before
        let retransmitted = pair.server.counters[.retransmittedSegments]
        let answered = pair.answered
        #expect(count == 0)
        #expect(answered > 500 && retransmitted > 0)
    }
}

/// Two stacks joined by one frame buffer, without anything that allocates.
@safe private struct BarePair: ~Copyable {
    var client: Stack
    var server: Stack
    var now = Instant(nanoseconds: 1_000_000_000)
    var answered = 0
    var connection: ConnectionID?
    private let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 64)

    init() {
        var configuration = Configuration(secret: (1, 2))
        configuration.connectionCapacity = 4
        client = Stack(configuration)
        server = Stack(configuration)
    }

    deinit { unsafe frame.deallocate() }

    mutating func open() {
        _ = server.listen(on: Endpoint(address: .any, port: 80))
        connection = client.connect(
            to: Endpoint(address: Simulation.address(1, isIPv6: false), port: 80),
            from: Endpoint(address: Simulation.address(2, isIPv6: false), port: 40_000),
            by: LinkPath(destination: 1, source: 2), at: now)
        for _ in 0..<3 { exchange(drops: false) }
    }

    mutating func round(drops: Bool) {
        if let connection { client.send(connection, byteCount: 100) }
        for step in 0..<8 { exchange(drops: drops && step == 0) }
    }

    private mutating func exchange(drops: Bool) {
        now.nanoseconds += 30_000_000
        while client.nextEvent(at: now) != nil {}
        while server.nextEvent(at: now) != nil {}
        while true {
            // Safe: the buffer lives as long as the pair, and one span at a time is used.
            var bytes = unsafe MutableRawSpan(_unsafeBytes: frame)
            guard let segment = client.nextSegment(into: &bytes, at: now) else { break }
            client.seal(segment, &bytes)
            take(segment.byteCount, byServer: true)
        }
        while true {
            // Safe: as above.
            var bytes = unsafe MutableRawSpan(_unsafeBytes: frame)
            guard let segment = server.nextSegment(into: &bytes, at: now) else { break }
            server.seal(segment, &bytes)
            if !drops { take(segment.byteCount, byServer: false) }
        }
    }

    private mutating func take(_ byteCount: Int, byServer: Bool) {
        // Safe: as above.
        let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: frame[..<byteCount]))
        if byServer {
            let arrival = server.receive(bytes, at: now)
            guard !arrival.payload.isEmpty, let id = arrival.connection else { return }
            _ = server.deliver(arrival, consumed: arrival.payload.count, frame: bytes)
            server.send(id, byteCount: 5_000)
            answered += 1
        } else {
            let arrival = client.receive(bytes, at: now)
            if !arrival.payload.isEmpty {
                _ = client.deliver(arrival, consumed: arrival.payload.count / 2, frame: bytes)
            }
            guard let id = arrival.connection else { return }
            client.consume(id, client.unreadByteCount(id))
        }
    }
}
