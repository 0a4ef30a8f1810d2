import Glibc
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
    /// Segments sent; the frames given to the device for them, fewer with segmentation offload, and the longest of these.
    public private(set) var segmentCount = 0
    public private(set) var runCount = 0
    public private(set) var longestFrame = 0
    private let cuts: Bool
    /// Frames received.
    public private(set) var frameCount = 0
    private let salt: UInt64
    private let peerSalt: UInt64
    private var frame: [UInt8]

    public init(_ configuration: Configuration, _ traffic: Traffic, isServer: Bool) {
        stack = Stack(configuration)
        self.traffic = traffic
        salt = isServer ? 7 : 3
        peerSalt = isServer ? 3 : 7
        cuts = configuration.allowsSegmentation
        frame = [UInt8](repeating: 0, count: (cuts ? 65_535 : configuration.mtu) + 18)
    }

    /// The streams' content: byte `offset` is entry `(offset + salt) % period`. The period is prime, so that a stream
    /// shifted by anything a segment's length is made of differs.
    private static let period = 65_521
    private static let pattern: [UInt8] = {
        var random = SeededRandom(seed: 0x5EED)
        // Twice the period and more: any run of up to a period lies in it in one piece.
        let once = (0..<period).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        return once + once
    }()

    private static func patternOffset(_ offset: UInt64, salt: UInt64) -> Int { Int((offset &+ salt) % UInt64(period)) }

    /// Where `bytes` first differs from the stream at `offset`.
    private static func mismatch(_ bytes: RawSpan, at offset: UInt64, salt: UInt64) -> UInt64? {
        var done = 0
        while done < bytes.byteCount {
            let count = min(bytes.byteCount - done, period)
            let start = patternOffset(offset + UInt64(done), salt: salt)
            // Safe: both runs are of `count` bytes.
            let isSame = unsafe bytes.extracting(done..<done + count).withUnsafeBytes { left in
                unsafe pattern.withUnsafeBytes { unsafe memcmp(left.baseAddress!, $0.baseAddress! + start, count) == 0 }
            }
            if !isSame { return offset + UInt64(done) }
            done += count
        }
        return nil
    }

    private static func fill(_ bytes: inout MutableRawSpan, _ range: Range<Int>, at offset: UInt64, salt: UInt64) {
        let start = patternOffset(offset, salt: salt)
        precondition(
            range.upperBound <= bytes.byteCount && range.count <= period,
            "payload \(range) in a frame of \(bytes.byteCount)")
        // Safe: the range was checked, and the pattern holds a period from any start.
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe pattern.withUnsafeBytes {
                _ = unsafe memcpy(target.baseAddress! + range.lowerBound, $0.baseAddress! + start, range.count)
            }
        }
    }

    public func connect(to peer: Endpoint, from local: Endpoint, by path: LinkPath, at now: Instant) -> ConnectionID? {
        guard let id = stack.connect(to: peer, from: local, by: path, at: now) else { return nil }
        streams[id] = Stream()
        return id
    }

    public func receive(_ bytes: [UInt8], at now: Instant) {
        // Safe: bytes have no padding.
        let frame = unsafe bytes.span.bytes
        frameCount += 1
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
            if !segment.payload.isEmpty {
                Self.fill(&bytes, segment.payload, at: segment.streamOffset, salt: salt)
            }
            stack.seal(segment, &bytes)
            segmentCount += segment.count
            runCount += 1
            longestFrame = max(longestFrame, segment.byteCount)
            if cuts {
                for piece in SegmentCutter.cut(frame, segment) { send(piece) }
            } else {
                send(Array(frame[..<segment.byteCount]))
            }
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
        let start = streams[id]?.received ?? 0
        let mismatch = Self.mismatch(stack.unread(id).extracting(first: count), at: start, salt: peerSalt)
        streams[id]?.received += UInt64(count)
        if let mismatch, streams[id]?.mismatch == nil { streams[id]?.mismatch = mismatch }
        stack.consume(id, count)
        if stack.unreadByteCount(id) > 0 { readLater(id, at: now) }
        handle(id, [], .finished, at: now)
    }

    private func check(_ bytes: RawSpan, _ id: ConnectionID) {
        let start = streams[id]?.received ?? 0
        if let mismatch = Self.mismatch(bytes, at: start, salt: peerSalt), streams[id]?.mismatch == nil {
            streams[id]?.mismatch = mismatch
        }
        streams[id]?.received += UInt64(bytes.byteCount)
    }
}
