/// Why a frame, or a reply to it, came to nothing. Each has a counter.
public enum DropCause: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    case truncatedFrame, notIP, malformedIPv4, malformedIPv6, ipv4Checksum, fragment, notTCP, malformedTCP
    case tcpChecksum, invalidAddress, noListener, connectionTableFull, halfOpenLimit, invalidCookie
    case outsideWindow, paws, missingTimestamp, closedForReading, unacceptableAcknowledgment, invalidFlags,
        invalidReset, noReceiveRoom
    case connectionGone, replyQueueFull, rateLimited, invalidICMP, ignoredICMP
}

/// What the RFCs make a stack do, counted.
public enum Counter: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    case segmentsReceived, segmentsSent, bytesReceived, bytesSent, bytesAcknowledged
    case passiveOpens, activeOpens, established, closedNormally, closedByReset, closedByTimeout, aborted
    case resetsReceived, resetsSent, challengeAcknowledgments
    case retransmittedSegments, retransmittedBytes, retransmissionTimeouts, fastRetransmits, tailLossProbes
    case recoveries, spuriousRetransmissions, selectiveAcknowledgments, duplicateSelectiveAcknowledgments
    case duplicateAcknowledgments, outOfOrderSegments, duplicateSegments, delayedAcknowledgments
    case windowProbes, keepaliveProbes, zeroWindowsAdvertised
    case cookiesSent, cookiesAccepted, timeWaitEntered, timeWaitReused, timeWaitRecycled
    case partialChecksumsAccepted, pathMTUReductions, coarseTransmissions
    case congestionExperienced, congestionEchoes, reorderingSeen, userTimeouts
    case closedWithUnread, dataAfterClose, orphansRefused, urgentSegments, stalled
}

/// A stack's counters; none is derived from another.
public struct Counters: Sendable, BitwiseCopyable {
    private var events = InlineArray<64, UInt64>(repeating: 0)
    private var drops = InlineArray<64, UInt64>(repeating: 0)

    public init() {}

    public internal(set) subscript(_ counter: Counter) -> UInt64 {
        get { events[Int(counter.rawValue)] }
        @inline(__always) _modify { yield &events[Int(counter.rawValue)] }
    }

    public internal(set) subscript(_ cause: DropCause) -> UInt64 {
        get { drops[Int(cause.rawValue)] }
        @inline(__always) _modify { yield &drops[Int(cause.rawValue)] }
    }
}
