import PacketHeaders
public import TCPStack

/// What the application of a simulated host does with each of its connections.
public struct Traffic: Sendable {
    /// Bytes it sends, then FIN.
    public var sendByteCount = 0
    /// Of what is offered it takes at most this much at a time, the rest later.
    public var readLimit = Int.max
    /// How long it waits before it takes the rest.
    public var readDelayMicroseconds = 1_000
    /// FIN only after the peer's.
    public var finishesLast = false

    public init() {}
}

/// A stack with an application that sends a known stream and checks the one it receives.
public final class SimulatedHost {
    public struct Stream {
        public var received: UInt64 = 0
        public var isEstablished = false
        public var peerFinished = false
        public var closed: CloseReason?
        public var mismatch: UInt64?
        var isFinished = false
    }

    public var stack: Stack
    public var traffic: Traffic
    /// By connection, in the order they were established or opened.
    public private(set) var streams: [ConnectionID: Stream] = [:]
    public private(set) var segmentCount = 0
    private let salt: UInt64
    private let peerSalt: UInt64
    private var frame: [UInt8]

    public init(_ configuration: Configuration, _ traffic: Traffic, isServer: Bool) {
        stack = Stack(configuration)
        self.traffic = traffic
        salt = isServer ? 7 : 3
        peerSalt = isServer ? 3 : 7
        frame = [UInt8](repeating: 0, count: configuration.mtu + 18)
    }

    public static func byte(_ offset: UInt64, salt: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: (offset &+ salt) &* 0x9E37_79B9_7F4A_7C15 >> 40)
    }

    public func connect(to peer: Endpoint, from local: Endpoint, by path: LinkPath, at now: Instant) -> ConnectionID? {
        guard let id = stack.connect(to: peer, from: local, by: path, at: now) else { return nil }
        streams[id] = Stream()
        return id
    }

    public func receive(_ bytes: [UInt8], at now: Instant) {
        // Safe: bytes have no padding.
        let frame = unsafe bytes.span.bytes
        let arrival = stack.receive(frame, at: now)
        guard let id = arrival.connection else { return }
        if arrival.events.contains(.established) { established(id) }
        var events = arrival.events
        if !arrival.payload.isEmpty {
            let taken = min(arrival.payload.count, traffic.readLimit)
            check(frame.extracting(arrival.payload.lowerBound..<arrival.payload.lowerBound + taken), id)
            events.formUnion(stack.deliver(arrival, consumed: taken, frame: frame))
        }
        handle(id, events, arrival.reason ?? .finished, at: now)
    }

    public func expire(at now: Instant) {
        while let event = stack.nextEvent(at: now) {
            if event.events.contains(.timer) { read(event.connection, at: now) }
            handle(event.connection, event.events.subtracting(.readable), event.reason ?? .finished, at: now)
        }
    }

    /// Every segment that may be sent now.
    public func transmit(at now: Instant, _ send: ([UInt8]) -> Void) {
        while true {
            var span = frame.mutableSpan
            // Safe: any byte is a value of UInt8.
            var bytes = unsafe span.mutableBytes
            guard let segment = stack.nextSegment(into: &bytes, at: now) else { return }
            for (position, offset) in segment.payload.enumerated() {
                let value = Self.byte(segment.streamOffset + UInt64(position), salt: salt)
                bytes.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
            }
            stack.seal(segment, &bytes)
            segmentCount += 1
            send(Array(frame[..<segment.byteCount]))
        }
    }

    private func established(_ id: ConnectionID) {
        streams[id, default: Stream()].isEstablished = true
        stack.send(id, byteCount: traffic.sendByteCount)
        if !traffic.finishesLast { finish(id) }
    }

    private func finish(_ id: ConnectionID) {
        streams[id]?.isFinished = true
        stack.finish(id)
    }

    private func handle(_ id: ConnectionID, _ events: ConnectionEvents, _ reason: CloseReason, at now: Instant) {
        if events.contains(.readable) && stack.unreadByteCount(id) > 0 { readLater(id, at: now) }
        if events.contains(.peerFinished) { streams[id]?.peerFinished = true }
        if events.contains(.closed) { streams[id]?.closed = reason }
        if streams[id]?.peerFinished == true && stack.unreadByteCount(id) == 0 && streams[id]?.isFinished == false {
            finish(id)
        }
    }

    private func readLater(_ id: ConnectionID, at now: Instant) {
        guard traffic.readLimit < Int.max else { return read(id, at: now) }
        stack.setTimer(id, at: now.advanced(byNanoseconds: UInt64(traffic.readDelayMicroseconds) * 1_000))
    }

    private func read(_ id: ConnectionID, at now: Instant) {
        let count = min(stack.unreadByteCount(id), traffic.readLimit)
        guard count > 0 else { return }
        var mismatch: UInt64?
        let start = streams[id]?.received ?? 0
        for offset in 0..<count where mismatch == nil {
            let value: UInt8 = stack.unread(id).bigEndian(at: offset)
            if value != Self.byte(start + UInt64(offset), salt: peerSalt) { mismatch = start + UInt64(offset) }
        }
        streams[id]?.received += UInt64(count)
        if let mismatch, streams[id]?.mismatch == nil { streams[id]?.mismatch = mismatch }
        stack.consume(id, count)
        if stack.unreadByteCount(id) > 0 { readLater(id, at: now) }
        handle(id, [], .finished, at: now)
    }

    private func check(_ bytes: RawSpan, _ id: ConnectionID) {
        let start = streams[id]?.received ?? 0
        for offset in 0..<bytes.byteCount {
            let value: UInt8 = bytes.bigEndian(at: offset)
            if value != Self.byte(start + UInt64(offset), salt: peerSalt) && streams[id]?.mismatch == nil {
                streams[id]?.mismatch = start + UInt64(offset)
            }
        }
        streams[id]?.received += UInt64(bytes.byteCount)
    }
}
