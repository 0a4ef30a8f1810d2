/// The states of a connection, RFC 9293 §3.3.2. A connection in CLOSED or LISTEN has no block.
public enum State: UInt8, Sendable, BitwiseCopyable {
    case closed, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait
}

/// What `getsockopt(TCP_INFO)` would tell about a connection.
public struct ConnectionInformation: Sendable, BitwiseCopyable {
    public var state: State
    public var peer: Endpoint
    public var local: Endpoint
    public var smoothedRoundTripNanoseconds: UInt64
    public var roundTripVarianceNanoseconds: UInt64
    public var minimumRoundTripNanoseconds: UInt64
    public var retransmissionTimeoutNanoseconds: UInt64
    public var congestionWindow: UInt32
    public var slowStartThreshold: UInt32
    public var sendWindow: UInt32
    public var receiveWindow: UInt32
    public var maximumSegmentSize: UInt32
    public var bytesInFlight: UInt32
    public var retransmittedSegments: UInt32
    public var bytesPromised: UInt64
    public var bytesAcknowledged: UInt64
    public var bytesReceived: UInt64
    public var unreadByteCount: UInt32
}

extension TransmissionControlBlock {
    func information(_ limits: TimeoutLimits) -> ConnectionInformation {
        return ConnectionInformation(
            state: state,
            peer: Endpoint(address: identity.peer, port: identity.peerPort),
            local: Endpoint(address: identity.local, port: identity.localPort),
            smoothedRoundTripNanoseconds: estimator.smoothed,
            roundTripVarianceNanoseconds: estimator.variance,
            minimumRoundTripNanoseconds: estimator.minimum,
            retransmissionTimeoutNanoseconds: estimator.timeout(limits: limits),
            congestionWindow: congestion.window,
            slowStartThreshold: congestion.slowStartThreshold,
            sendWindow: sendWindow,
            receiveWindow: receiveRight - receiveNext,
            maximumSegmentSize: segmentSize,
            bytesInFlight: flightSize,
            retransmittedSegments: retransmittedSegmentCount,
            bytesPromised: promisedOffset,
            bytesAcknowledged: min(acknowledgedOffset, promisedOffset),
            bytesReceived: bytesReceived,
            unreadByteCount: unreadByteCount)
    }
}
