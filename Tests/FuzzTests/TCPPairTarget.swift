import PacketHeaders
import TestSupport

@testable import TCPStack

/// Two stacks, the frames between them, and what bytes make of it: segments lost, repeated, changed and invented, calls
/// of both applications, steps of the clock. After every step the stacks' invariants hold; as long as no segment was
/// forged, what arrives is what was sent.
func fuzzPair(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    var pair = FuzzedPair(&source)
    var steps = 0
    while !source.isEmpty, steps < 2_000 {
        pair.step(&source)
        pair.settle()
        steps += 1
    }
}

private struct FuzzedPair: ~Copyable {
    private var client: FuzzedHost
    private var server: FuzzedHost
    private var now: UInt64 = 5_000_000_000
    private var isHonest = true
    private let isIPv6: Bool
    private var nextPort: UInt16 = 1_000

    init(_ source: inout ByteSource) {
        let options = source.byte()
        isIPv6 = options & 1 != 0
        client = FuzzedHost(options, isServer: false)
        server = FuzzedHost(options >> 1, isServer: true)
        connect()
    }

    mutating func step(_ source: inout ByteSource) {
        let choice = source.byte()
        let towardsServer = choice & 1 == 0
        let detail = source.byte()
        switch choice >> 1 & 15 {
        case 0, 1, 2, 3: deliver(towardsServer, Int(detail & 7) + 1)
        case 4: drop(towardsServer, Int(detail))
        case 5: again(towardsServer, Int(detail))
        case 6: forge(towardsServer, detail, &source)
        case 7: forgeError(towardsServer, detail, &source)
        case 8: damage(towardsServer, detail, &source)
        case 9: wait(detail)
        case 10, 11: act(towardsServer) { $0.send(Int(detail) << (choice >> 5)) }
        case 12: act(towardsServer) { $0.take(Int(detail) << (choice >> 5)) }
        case 13: act(towardsServer) { $0.end(detail) }
        case 14: act(towardsServer) { $0.limit(detail) }
        default: connect()
        }
    }

    /// Runs what is due, sends what may be sent, and looks at everything.
    mutating func settle() {
        for isServer in [true, false] {
            act(isServer) { host in
                host.expire()
                host.transmit()
            }
        }
        let problems = client.problems(isHonest) + server.problems(isHonest)
        require(problems.isEmpty, problems.joined(separator: "; "))
    }

    private mutating func act(_ onServer: Bool, _ body: (inout FuzzedHost) -> Void) {
        if onServer {
            server.now = Instant(nanoseconds: now)
            body(&server)
        } else {
            client.now = Instant(nanoseconds: now)
            body(&client)
        }
    }

    private mutating func connect() {
        let port = nextPort
        nextPort = 1_000 + (nextPort - 999) % 4
        let isIPv6 = isIPv6
        act(false) { $0.connect(port, isIPv6) }
    }

    private mutating func deliver(_ towardsServer: Bool, _ count: Int) {
        for _ in 0..<count {
            guard let frame = takeFrame(towardsServer, 0) else { return }
            act(towardsServer) { $0.receive(frame) }
        }
    }

    private mutating func drop(_ towardsServer: Bool, _ position: Int) { _ = takeFrame(towardsServer, position) }

    /// The frame at some place in the queue now, and in its turn again.
    private mutating func again(_ towardsServer: Bool, _ position: Int) {
        guard let frame = frame(towardsServer, position) else { return }
        act(towardsServer) { $0.receive(frame) }
    }

    /// A segment that no stack sent, made of one that was.
    private mutating func forge(_ towardsServer: Bool, _ detail: UInt8, _ source: inout ByteSource) {
        guard let frame = latest(towardsServer), var segment = SegmentTemplate(frame) else { return }
        isHonest = false
        let signed = { (word: UInt16) in UInt32(bitPattern: Int32(Int16(bitPattern: word))) }
        if detail & 1 != 0 { segment.control = source.byte() }
        if detail & 2 != 0 { segment.sequence &+= signed(source.word()) }
        if detail & 4 != 0 { segment.acknowledgment &+= signed(source.word()) }
        if detail & 8 != 0 { segment.window = source.word() }
        if detail & 16 != 0 { segment.options = source.take(Int(source.byte() % 41)) }
        if detail & 32 != 0 { segment.payload = [UInt8](repeating: 7, count: Int(source.word() % 1_400)) }
        if detail & 64 != 0 { segment.sequence = source.long() }
        if detail & 128 != 0 { segment.acknowledgment = source.long() }
        act(towardsServer) { $0.receive(segment.frame) }
    }

    /// An ICMP error about a segment that was sent, or about one with another sequence number.
    private mutating func forgeError(_ towardsServer: Bool, _ detail: UInt8, _ source: inout ByteSource) {
        guard let frame = latest(!towardsServer), var quoted = SegmentTemplate(frame) else { return }
        isHonest = false
        if detail & 1 != 0 { quoted.sequence &+= UInt32(source.word()) }
        let message = quoted.icmpError(type: source.byte(), code: source.byte() & 15, word: UInt32(source.word()))
        act(towardsServer) { $0.receive(message) }
    }

    /// A flipped byte in the transport header or its payload: the checksum is wrong, so nothing may come of it.
    private mutating func damage(_ towardsServer: Bool, _ detail: UInt8, _ source: inout ByteSource) {
        guard var frame = takeFrame(towardsServer, 0) else { return }
        let first = 14 + (isIPv6 ? 40 : 20)
        let mask = source.byte()
        guard frame.count > first, mask != 0 else { return }
        frame[first + Int(detail) % (frame.count - first)] ^= mask
        act(towardsServer) { $0.receive(frame) }
    }

    private mutating func wait(_ detail: UInt8) { now += 1 << UInt64(10 + detail % 27) }

    private func frame(_ towardsServer: Bool, _ position: Int) -> [UInt8]? {
        let count = towardsServer ? client.queue.count : server.queue.count
        guard count > 0 else { return nil }
        return towardsServer ? client.queue[position % count] : server.queue[position % count]
    }

    private func latest(_ towardsServer: Bool) -> [UInt8]? { towardsServer ? client.latest : server.latest }

    private mutating func takeFrame(_ towardsServer: Bool, _ position: Int) -> [UInt8]? {
        let count = towardsServer ? client.queue.count : server.queue.count
        guard count > 0 else { return nil }
        return towardsServer ? client.queue.remove(at: position % count) : server.queue.remove(at: position % count)
    }
}

/// One stack with tables so small that all of them fill up, and an application that knows what it was sent.
private struct FuzzedHost: ~Copyable {
    var stack: Stack
    var now = Instant(nanoseconds: 0)
    /// Frames on their way, the oldest first; what comes on top of sixty-four is lost.
    var queue: [[UInt8]] = []
    var latest: [UInt8]?
    private var connections: [ConnectionID] = []
    private var received: [ConnectionID: UInt64] = [:]
    private var wrongBytes = 0
    private var takeLimit = Int.max
    private let isServer: Bool

    init(_ options: UInt8, isServer: Bool) {
        self.isServer = isServer
        var configuration = Configuration(secret: (1, UInt64(options)))
        configuration.connectionCapacity = 4
        configuration.halfOpenLimit = options & 2 != 0 ? 1 : 3
        configuration.timeWaitLimit = 1
        configuration.transmissionCapacity = options & 4 != 0 ? 2 : 16
        configuration.reassemblyCapacity = 6
        configuration.replyCapacity = 3
        configuration.receivePoolByteCount = 1 << 16
        configuration.initialReceiveWindow = 8_000
        configuration.maximumReceiveWindow = 16_000
        configuration.timeWait = .seconds(2)
        configuration.keepaliveIdle = .seconds(5)
        configuration.userTimeout = .seconds(20)
        configuration.usesTimestamps = options & 8 == 0
        configuration.usesSelectiveAcknowledgment = options & 16 == 0
        stack = Stack(configuration)
        let listens = stack.listen(on: Endpoint(address: .any, port: isServer ? 80 : 1_000))
        require(listens, "the table of listeners is full")
    }

    mutating func connect(_ port: UInt16, _ isIPv6: Bool) {
        let connection = stack.connect(
            to: Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80),
            from: Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: port),
            by: LinkPath(destination: Simulation.serverMAC, source: Simulation.clientMAC), at: now)
        if let connection { open(connection) }
    }

    private mutating func open(_ connection: ConnectionID) {
        if !connections.contains(connection) { connections.append(connection) }
        if connections.count > 8 { received[connections.removeFirst()] = nil }
    }

    mutating func receive(_ bytes: [UInt8]) {
        // Safe: bytes have no padding.
        let span = unsafe bytes.span.bytes
        let arrival = stack.receive(span, at: now)
        if let connection = arrival.connection, arrival.events.contains(.established) { open(connection) }
        guard !arrival.payload.isEmpty else { return }
        require(arrival.payload.upperBound <= bytes.count, "a payload beyond its frame")
        let count = min(arrival.payload.count, takeLimit)
        if let connection = arrival.connection {
            check(span.extracting(arrival.payload.lowerBound..<arrival.payload.lowerBound + count), connection)
        }
        _ = stack.deliver(arrival, consumed: count, frame: span)
    }

    private mutating func check(_ bytes: RawSpan, _ connection: ConnectionID) {
        let offset = received[connection, default: 0]
        for index in 0..<bytes.byteCount {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if byte != Self.content(offset + UInt64(index), isServer: !isServer) { wrongBytes += 1 }
        }
        received[connection] = offset + UInt64(bytes.byteCount)
    }

    private static func content(_ offset: UInt64, isServer: Bool) -> UInt8 {
        UInt8(truncatingIfNeeded: (offset &* 0x9E37_79B9) >> 13) ^ (isServer ? 0 : 0xA5)
    }

    mutating func expire() {
        while stack.nextEvent(at: now) != nil {}
    }

    mutating func transmit() {
        while let sent = nextFrame() {
            require(SegmentTemplate(sent) != nil, "a frame that is not whole was sent")
            latest = sent
            if queue.count < 64 { queue.append(sent) }
        }
    }

    private mutating func nextFrame() -> [UInt8]? {
        var frame = [UInt8](repeating: 0, count: 1_518)
        var span = frame.mutableSpan
        // Safe: any byte is a value of UInt8.
        var bytes = unsafe span.mutableBytes
        guard let segment = stack.nextSegment(into: &bytes, at: now) else { return nil }
        for position in segment.payload {
            let offset = segment.streamOffset + UInt64(position - segment.payload.lowerBound)
            bytes.storeBytes(of: Self.content(offset, isServer: isServer), toByteOffset: position, as: UInt8.self)
        }
        stack.seal(segment, &bytes)
        frame.removeLast(frame.count - segment.byteCount)
        return frame
    }

    mutating func send(_ count: Int) {
        for connection in connections { stack.send(connection, byteCount: count) }
    }

    /// Takes up to `count` bytes of what waits.
    mutating func take(_ count: Int) {
        for connection in connections {
            let copy = unread(connection, limit: count)
            check(unsafe copy.span.bytes, connection)
            stack.consume(connection, copy.count)
        }
    }

    private func unread(_ connection: ConnectionID, limit: Int) -> [UInt8] {
        guard stack.unreadByteCount(connection) > 0 else { return [] }
        let bytes = stack.unread(connection)
        return (0..<min(limit, bytes.byteCount)).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }

    mutating func end(_ detail: UInt8) {
        guard !connections.isEmpty else { return }
        let connection = connections[Int(detail >> 2) % connections.count]
        switch detail & 3 {
        case 0: stack.abort(connection)
        case 3: stack.setTimer(connection, at: Instant(nanoseconds: now.nanoseconds + UInt64(detail) << 20))
        default: stack.finish(connection)
        }
    }

    mutating func limit(_ detail: UInt8) { takeLimit = detail == 255 ? .max : Int(detail) * 8 }

    func problems(_ isHonest: Bool) -> [String] {
        let broken = stack.brokenInvariants()
        return isHonest && wrongBytes > 0 ? broken + ["\(wrongBytes) wrong bytes"] : broken
    }
}
