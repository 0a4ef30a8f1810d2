/// What `getsockopt(TCP_INFO)` would tell about a connection: a value of fixed layout without references, so that it
/// can be written to shared memory as it is. Durations are in nanoseconds, windows and counts of bytes in bytes.
@frozen public struct ConnectionInfo: Sendable, BitwiseCopyable {
    public var connection: ConnectionID
    public var peer: Endpoint
    public var local: Endpoint
    public var state: State
    public var recovery: RecoveryPhase
    public var options: NegotiatedOptions
    public var timers: ArmedTimers

    /// Since the block was made, and since the peer was heard last.
    public var age: UInt64
    public var idle: UInt64

    /// RFC 6298. Zero before the first sample; the minimum is of the last five minutes.
    public var smoothedRoundTrip: UInt64
    public var roundTripVariance: UInt64
    public var minimumRoundTrip: UInt64
    /// With its backoff.
    public var retransmissionTimeout: UInt64

    public var congestionWindow: UInt32
    /// `UInt32.max` before the first loss.
    public var slowStartThreshold: UInt32
    /// The largest payload sent, and the MTU it follows from.
    public var maximumSegmentSize: UInt32
    public var pathMTU: UInt32
    public var sendWindow: UInt32
    public var receiveWindow: UInt32
    public var bytesInFlight: UInt32
    public var bytesSacked: UInt32
    public var bytesLost: UInt32
    /// In-order bytes the application has not taken; bytes promised and not sent yet.
    public var bytesUnread: UInt32
    public var bytesUnsent: UInt64

    public var bytesPromised: UInt64
    /// Stream offsets: the end of what was sent at least once, of what was acknowledged, and of what arrived in order.
    public var bytesSent: UInt64
    public var bytesAcknowledged: UInt64
    public var bytesReceived: UInt64

    public var segmentsSent: UInt32
    public var segmentsReceived: UInt32
    public var retransmittedSegments: UInt32
    /// D-SACKs from the peer: segments that arrived twice. Saturating, like the next three.
    public var duplicateReports: UInt16
    /// Retransmissions that proved needless and were undone.
    public var spuriousRecoveries: UInt16
    public var timeouts: UInt16
    public var recoveries: UInt16
    /// Whether segments were seen out of order on the way to the peer (RFC 8985 §6.2 step 3).
    public var hasSeenReordering: Bool
    /// Timeouts or probes without an answer, in a row.
    public var backoff: UInt8
}

/// Where the sender stands with losses.
public enum RecoveryPhase: UInt8, Sendable, BitwiseCopyable {
    /// Nothing is known to be lost.
    case open
    /// Repairing what SACK, RACK or duplicate acknowledgments showed.
    case fast
    /// Repairing after a retransmission timeout.
    case timeout
}

/// What both ends agreed on, and what this end was told.
@frozen public struct NegotiatedOptions: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable public static var timestamps: NegotiatedOptions { NegotiatedOptions(rawValue: 1) }
    @inlinable public static var selectiveAcknowledgment: NegotiatedOptions { NegotiatedOptions(rawValue: 2) }
    @inlinable public static var windowScale: NegotiatedOptions { NegotiatedOptions(rawValue: 4) }
    @inlinable public static var congestionNotification: NegotiatedOptions { NegotiatedOptions(rawValue: 8) }
    /// Nagle's algorithm.
    @inlinable public static var nagle: NegotiatedOptions { NegotiatedOptions(rawValue: 16) }
    /// This end opened.
    @inlinable public static var active: NegotiatedOptions { NegotiatedOptions(rawValue: 32) }
}

/// The timers that run.
@frozen public struct ArmedTimers: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable public static var retransmission: ArmedTimers { ArmedTimers(rawValue: 1) }
    @inlinable public static var tailLossProbe: ArmedTimers { ArmedTimers(rawValue: 2) }
    @inlinable public static var persist: ArmedTimers { ArmedTimers(rawValue: 4) }
    /// SYN or SYN,ACK.
    @inlinable public static var handshake: ArmedTimers { ArmedTimers(rawValue: 8) }
    @inlinable public static var reordering: ArmedTimers { ArmedTimers(rawValue: 16) }
    @inlinable public static var delayedAcknowledgment: ArmedTimers { ArmedTimers(rawValue: 32) }
    @inlinable public static var keepalive: ArmedTimers { ArmedTimers(rawValue: 64) }
    /// The limit of SYN_SENT, SYN_RECEIVED, FIN_WAIT_2 or TIME_WAIT.
    @inlinable public static var state: ArmedTimers { ArmedTimers(rawValue: 128) }
    @inlinable public static var application: ArmedTimers { ArmedTimers(rawValue: 256) }
}

/// Where a walk over all connections is; the walk may be spread over many calls, and connections may come and go
/// meanwhile.
@frozen public struct ConnectionCursor: Sendable, BitwiseCopyable {
    /// The table index that is looked at next; zero at the start and after the end.
    public internal(set) var index: UInt32 = 0
    @inlinable public init() {}
}

extension Stack {
    /// Nil when the ID is stale.
    public func info(_ connection: ConnectionID) -> ConnectionInfo? {
        guard let index = index(of: connection) else { return nil }
        return blocks[index].info(connection, at: now, timing)
    }

    /// The next connection in any state, looking at no more than `limit` table entries, which it counts down. Nil
    /// when there is none among those, or at the end, where the cursor is at the start again.
    public func nextConnection(_ cursor: inout ConnectionCursor, limit: inout Int) -> ConnectionID? {
        let end = blockPool.usedLimit
        while limit > 0 && cursor.index < end {
            let index = cursor.index
            cursor.index += 1
            limit -= 1
            if blocks[index].generation & 1 == 1 { return id(index) }
        }
        if cursor.index >= end { cursor.index = 0 }
        return nil
    }
}

extension TransmissionControlBlock {
    func info(_ connection: ConnectionID, at now: Instant, _ timing: borrowing Timing) -> ConnectionInfo {
        ConnectionInfo(
            connection: connection,
            peer: Endpoint(address: identity.peer, port: identity.peerPort),
            local: Endpoint(address: identity.local, port: identity.localPort),
            state: state, recovery: recovery.phase, options: negotiated, timers: armed,
            age: UInt64(now.milliseconds &- openedMilliseconds) &* 1_000_000,
            idle: now.nanoseconds &- min(heardAt, now.nanoseconds),
            smoothedRoundTrip: estimator.smoothed,
            roundTripVariance: estimator.variance,
            minimumRoundTrip: estimator.minimum == .max ? 0 : estimator.minimum,
            retransmissionTimeout: estimator.timeout(limits: timing.limits),
            congestionWindow: congestion.window, slowStartThreshold: congestion.slowStartThreshold,
            maximumSegmentSize: segmentSize, pathMTU: UInt32(pathMTU),
            sendWindow: sendWindow, receiveWindow: receiveRight - receiveNext,
            bytesInFlight: flightSize, bytesSacked: scoreboard.sackedByteCount, bytesLost: scoreboard.lostByteCount,
            bytesUnread: unreadByteCount, bytesUnsent: isSynchronized ? unsentByteCount : promisedOffset,
            bytesPromised: promisedOffset, bytesSent: isSynchronized ? min(sendNextOffset, promisedOffset) : 0,
            bytesAcknowledged: min(acknowledgedOffset, promisedOffset), bytesReceived: bytesReceived,
            segmentsSent: segmentsSent, segmentsReceived: segmentsReceived,
            retransmittedSegments: retransmittedSegmentCount, duplicateReports: duplicateReportCount,
            spuriousRecoveries: spuriousCount, timeouts: timeoutCount, recoveries: recoveryCount,
            hasSeenReordering: rack.reorderingSeen, backoff: max(estimator.backoff, probeCount))
    }

    private var negotiated: NegotiatedOptions {
        var options: NegotiatedOptions = []
        if flags.contains(.timestamps) { options.insert(.timestamps) }
        if flags.contains(.selective) { options.insert(.selectiveAcknowledgment) }
        if flags.contains(.scaling) { options.insert(.windowScale) }
        if flags.contains(.congestionNotification) { options.insert(.congestionNotification) }
        if flags.contains(.nagle) { options.insert(.nagle) }
        if !flags.contains(.passive) { options.insert(.active) }
        return options
    }

    private var armed: ArmedTimers {
        var timers: ArmedTimers = []
        if retransmissionDeadline != Self.never {
            switch retransmissionKind {
            case .timeout: timers.insert(.retransmission)
            case .tailProbe: timers.insert(.tailLossProbe)
            case .persist: timers.insert(.persist)
            case .handshake: timers.insert(.handshake)
            }
        }
        if reorderingDeadline != Self.never { timers.insert(.reordering) }
        if acknowledgmentDeadline != Self.never { timers.insert(.delayedAcknowledgment) }
        if applicationDeadline != Self.never { timers.insert(.application) }
        if stateDeadline != Self.never {
            let isKeepalive = isSynchronized && state != .finWait2 && state != .timeWait
            timers.insert(isKeepalive ? .keepalive : .state)
        }
        return timers
    }
}

extension UInt16 {
    /// Adds one, and stops at the largest value.
    mutating func increment() { if self != .max { self += 1 } }
}
