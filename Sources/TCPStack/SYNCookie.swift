import PacketHeaders

/// SYN cookies (RFC 4987 §3.6): the SYN,ACK's sequence number, and its timestamp, hold what a block would.
struct SYNCookie {
    private let key: (UInt64, UInt64)
    /// When the last one was sent, zero for never: an ACK out of the blue is believed for a while after that only.
    private var sentAt: UInt64 = 0

    init(secret: (UInt64, UInt64)) { key = (~secret.1, secret.0 &* 0x9E37_79B9_7F4A_7C15) }

    /// The values of MSS that a cookie can hold, in ascending order.
    private static let segmentSizes: [8 of UInt16] = [64, 536, 1220, 1360, 1440, 1460, 4312, 8960]
    /// A cookie is good for one to two of these.
    private static let period: UInt64 = 64_000_000_000

    /// The initial sequence number that stands for a SYN with `sequence` and `segmentSize` as its MSS.
    mutating func make(
        _ identity: ConnectionIdentity, _ sequence: SequenceNumber, segmentSize: UInt16, at now: Instant
    ) -> SequenceNumber {
        sentAt = max(1, now.nanoseconds)
        let count = UInt32(truncatingIfNeeded: now.nanoseconds / Self.period)
        var index: UInt32 = 0
        for candidate in 1..<8 where Self.segmentSizes[candidate] <= segmentSize { index = UInt32(candidate) }
        let value = (secondHash(identity, count & 0xFF) &+ index) & 0xFF_FFFF
        return SequenceNumber(firstHash(identity, sequence) &+ count &<< 24 &+ value)
    }

    /// The MSS in a cookie that came back; nil if it is none of ours, or too old.
    func segmentSize(
        in cookie: SequenceNumber, _ identity: ConnectionIdentity, _ sequence: SequenceNumber, at now: Instant
    ) -> UInt16? {
        guard sentAt != 0, now.nanoseconds &- sentAt < 2 &* Self.period else { return nil }
        let content = cookie.rawValue &- firstHash(identity, sequence)
        let count = UInt32(truncatingIfNeeded: now.nanoseconds / Self.period)
        let made = content &>> 24
        guard (count &- made) & 0xFF < 2 else { return nil }
        let index = ((content & 0xFF_FFFF) &- secondHash(identity, made)) & 0xFF_FFFF
        return index < 8 ? Self.segmentSizes[Int(index)] : nil
    }

    private func firstHash(_ identity: ConnectionIdentity, _ sequence: SequenceNumber) -> UInt32 {
        UInt32(truncatingIfNeeded: identity.hash(key, with: UInt64(sequence.rawValue)))
    }

    private func secondHash(_ identity: ConnectionIdentity, _ count: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: identity.hash(key, with: UInt64(count) &<< 32 | 0xFFFF_FFFF))
    }

    /// The low bits of the timestamp: the window shift (15 is "not given") and SACK.
    static let timestampMask: UInt32 = 31

    static func timestamp(_ clock: UInt32, _ options: Options) -> UInt32 {
        let shift = options.windowShift == 255 ? 15 : UInt32(options.windowShift)
        let content = shift | (options.permitsSACK ? 16 : 0)
        let value = clock & ~timestampMask | content
        // Never ahead of the clock: the next timestamp must not be smaller.
        return Int32(bitPattern: value &- clock) > 0 ? value &- (timestampMask &+ 1) : value
    }

    static func restore(_ timestamp: UInt32, into options: inout Options) {
        let shift = UInt8(timestamp & 15)
        options.windowShift = shift == 15 ? 255 : shift
        options.permitsSACK = timestamp & 16 != 0
    }
}

extension Stack {
    /// Answers a SYN without keeping anything about it.
    mutating func sendCookie(_ identity: ConnectionIdentity, _ link: LinkHeader, _ segment: SegmentHeader) {
        let options = segment.options
        let hasTimestamp = options.hasTimestamp && configuration.usesTimestamps
        let clock = TimestampClock.value(now.nanoseconds, offset: initialSequence.timestampOffset(identity))
        let headers = identity.peer.isIPv4 ? 40 : 60
        let segmentSize =
            options.maximumSegmentSize == 0
            ? TransmissionControlBlock.defaultSegmentSize(isIPv6: !identity.peer.isIPv4) : options.maximumSegmentSize
        let sequence = cookies.make(identity, segment.sequence, segmentSize: segmentSize, at: now)
        // Without timestamps there is nowhere to keep these two.
        let mayScale = hasTimestamp && options.windowShift != 255
        let reply = Reply(
            identity: identity, link: link, sequence: sequence, acknowledgment: segment.sequence + 1,
            control: .syn | .ack, window: UInt16(min(configuration.initialReceiveWindow, 65_535)),
            cookie: CookieOptions(
                segmentSize: UInt16(configuration.mtu - headers),
                timestamp: SYNCookie.timestamp(clock, options), timestampEcho: options.timestamp,
                hasTimestamp: hasTimestamp,
                permitsSACK: hasTimestamp && options.permitsSACK && configuration.usesSelectiveAcknowledgment,
                windowShift: mayScale ? configuration.receiveShift : nil))
        if replies.append(reply) { counters[.cookiesSent] &+= 1 } else { counters[.replyQueueFull] &+= 1 }
    }

    /// An ACK for an endpoint listened on: the third segment of a handshake whose second was a cookie?
    mutating func acceptCookie(
        _ identity: ConnectionIdentity, _ hash: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader
    ) -> Arrival? {
        let cookie = segment.acknowledgment - 1
        let sequence = segment.sequence - 1
        guard segment.control.isDisjoint(with: .syn | .rst),
            let segmentSize = cookies.segmentSize(in: cookie, identity, sequence, at: now)
        else { return nil }
        return open(identity, hash, frame, packet, segment, segmentSize: segmentSize)
    }

    /// The third segment of a handshake of which nothing was kept: its acknowledgment number tells where this end
    /// starts, and the timestamp it echoes what the peer's SYN offered.
    /// - Parameters:
    ///   - timestampOffset: Of the clock that the SYN,ACK used; nil: of the connection's own.
    ///   - windowShift: As offered in the SYN,ACK; nil: what this stack offers.
    mutating func open(
        _ identity: ConnectionIdentity, _ hash: UInt32, _ frame: RawSpan, _ packet: Packet, _ segment: SegmentHeader,
        segmentSize: UInt16, timestampOffset: UInt32? = nil, windowShift: UInt8? = nil
    ) -> Arrival {
        let link = LinkHeader(answering: frame, packet)
        guard
            let index = allocate(
                identity, hash, link, initialSequence: segment.acknowledgment - 1, .synReceived,
                timestampOffset: timestampOffset)
        else { return drop(.connectionTableFull) }
        counters[.cookiesAccepted] &+= 1
        halfOpenCount += 1
        var options = Options()
        options.maximumSegmentSize = segmentSize
        options.hasTimestamp = segment.options.hasTimestamp
        options.timestamp = segment.options.timestamp
        if segment.options.hasTimestamp {
            SYNCookie.restore(segment.options.timestampEcho, into: &options)
        }
        blocks[index].flags.insert(.passive)
        blocks[index].takeSynchronize(segment.sequence - 1, window: segment.window, acknowledgment: nil)
        blocks[index].negotiate(options, configuration)
        if let windowShift, blocks[index].flags.contains(.scaling) { blocks[index].receiveShift = windowShift }
        record(index, .synCookieAccepted, UInt32(segmentSize))
        blocks[index].offerInitialWindow(UInt32(min(configuration.initialReceiveWindow, 65_535)))
        return segmentArrives(index, frame, packet, segment)
    }
}
