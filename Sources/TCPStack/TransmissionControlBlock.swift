import PacketHeaders

/// One connection's state (RFC 9293 §3.3.1), of fixed size; what varies lives in the stack's pools.
/// It is too large to be copied by accident, so it cannot be. Members of eight bytes come first, so that little is lost
/// to alignment.
struct TransmissionControlBlock: ~Copyable, PoolElement {
    static let never = UInt64.max

    var identity: ConnectionIdentity
    /// Odd while the block is in use; survives reuse, which makes old IDs stale.
    var generation: UInt32
    var state: State
    /// ACKs to send without delay, at a connection's start.
    var quickAcknowledgments: UInt8 = 0
    /// Duplicate ACKs to send for a peer that does not understand SACK.
    var duplicatesToSend: UInt8 = 0
    /// Retransmissions of SYN, or probes of a closed window, in a row.
    var probeCount: UInt8 = 0
    var flags: Flags = []
    var link: LinkHeader
    /// The Diffserv code point.
    var codePoint: UInt8

    // Deadlines in nanoseconds; `never` when off.
    var retransmissionDeadline = never
    var reorderingDeadline = never
    var acknowledgmentDeadline = never
    /// Keepalive, or the end of SYN_RCVD, FIN_WAIT_2 and TIME_WAIT.
    var stateDeadline = never
    var applicationDeadline = never

    // Times in nanoseconds: when the peer was heard last, when what waits for it last made progress, when a segment was
    // sent last.
    var heardAt: UInt64
    var progressAt: UInt64
    var sentAt: UInt64 = 0

    // Stream offsets: the first unacknowledged byte (at SND.UNA), and the end of what the application promised.
    var acknowledgedOffset: UInt64 = 0
    var promisedOffset: UInt64 = 0
    var bytesReceived: UInt64 = 0

    var estimator: RoundTripEstimator
    var congestion: Cubic
    var rack: RACK

    // Send sequence variables.
    var sendUnacknowledged: SequenceNumber
    var sendNext: SequenceNumber
    /// SND.WND, scaled, with SND.WL1 and SND.WL2, and the largest offered (for RFC 5961 §5 and silly-window avoidance).
    var sendWindow: UInt32 = 0
    var sendWindowSequence = SequenceNumber(0)
    var sendWindowAcknowledgment = SequenceNumber(0)
    var maximumSendWindow: UInt32 = 0

    // Receive sequence variables.
    var receiveNext = SequenceNumber(0)
    /// The furthest right edge ever offered: everything before it is accepted (RFC 7323 §2.4).
    var receiveRight = SequenceNumber(0)
    /// RCV.NXT in the last segment sent.
    var acknowledgedNext = SequenceNumber(0)
    /// In-order bytes before RCV.NXT that the application has not taken.
    var unreadByteCount: UInt32 = 0
    /// The size of the window when nothing is unread, and RCV.NXT and the time in microseconds when its latest
    /// measurement began.
    var receiveLimit: UInt32
    var roundStart = SequenceNumber(0)
    var roundStartMicroseconds: UInt32 = 0

    // Options.
    /// The largest payload with no option but timestamps.
    var segmentSize: UInt32 = 524
    /// The peer's MSS option, and the path's MTU.
    var peerSegmentSize: UInt16 = 536
    var pathMTU: UInt16
    var sendShift: UInt8 = 0
    var receiveShift: UInt8 = 0
    /// Zero is the configured one.
    var userTimeoutSeconds: UInt16 = 0
    let timestampOffset: UInt32
    /// TS.Recent and when it was taken, in seconds (RFC 7323 §4.3, §5.5).
    var recentTimestamp: UInt32 = 0
    var recentTimestampSeconds: UInt32 = 0

    // Acknowledging.
    /// D-SACK (RFC 2883) to report once.
    var duplicateStart = SequenceNumber(0)
    var duplicateEnd = SequenceNumber(0)
    /// When the last challenge ACK was sent, in milliseconds (RFC 5961 §7).
    var challengedMilliseconds: UInt32 = 0

    // Sending.
    var recovery = Recovery()
    var scoreboard = SACKScoreboard()
    var spurious = SpuriousRetransmission()
    var retransmissionKind = RetransmissionKind.timeout
    var duplicateAcknowledgmentCount: UInt8 = 0
    /// SND.NXT when a tail loss probe was sent (RFC 8985 §7.3), while `tailProbeOutstanding`.
    var tailProbeEnd = SequenceNumber(0)

    /// Where urgent data ends (RFC 9293 §3.8.5): RCV.UP while `urgent`, SND.UP while `sendUrgent`.
    var receiveUrgent = SequenceNumber(0)
    var sendUrgent = SequenceNumber(0)

    // What is only told about.
    /// The connection's place in the event log.
    var history = noIndex
    let openedMilliseconds: UInt32
    var segmentsSent: UInt32 = 0
    var segmentsReceived: UInt32 = 0
    var retransmittedSegmentCount: UInt32 = 0
    // These saturate.
    var duplicateReportCount: UInt16 = 0
    var spuriousCount: UInt16 = 0
    var timeoutCount: UInt16 = 0
    var recoveryCount: UInt16 = 0

    // Receiving.
    var reassembly = Reassembly()
    /// Where FIN arrived out of order, while `finHeld`.
    var finSequence = SequenceNumber(0)
    var buffer = ReceiveBuffer()

    /// The neighbours in the list of blocks in TIME_WAIT; `next` is also the free list's link.
    var next = noIndex
    var previous = noIndex

    private let inPlace = InPlace()

    /// A block with everything but the peer's options.
    init(
        generation: UInt32, _ identity: ConnectionIdentity, _ link: LinkHeader, _ state: State,
        initialSequence: SequenceNumber, timestampOffset: UInt32, _ configuration: Configuration, _ timing: Timing,
        at now: Instant
    ) {
        self.generation = generation
        self.identity = identity
        self.link = link
        self.state = state
        self.timestampOffset = timestampOffset
        sendUnacknowledged = initialSequence
        sendNext = initialSequence + 1
        receiveLimit = UInt32(configuration.initialReceiveWindow)
        pathMTU = UInt16(configuration.mtu)
        estimator = RoundTripEstimator(initialTimeout: timing.initialTimeout)
        congestion = Cubic(segmentSize: 536, sendNext: initialSequence)
        rack = RACK(initial: initialSequence)
        recovery.point = initialSequence
        heardAt = now.nanoseconds
        progressAt = now.nanoseconds
        openedMilliseconds = now.milliseconds
        codePoint = configuration.codePoint & 63
    }

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt32

        /// Bit by bit; an array literal of several members may allocate an array in a debug build.
        static func | (left: Flags, right: Flags) -> Flags { Flags(rawValue: left.rawValue | right.rawValue) }

        static let timestamps = Flags(rawValue: 1)
        static let selective = Flags(rawValue: 2)
        /// SYN or SYN,ACK is to be sent (again).
        static let synchronize = Flags(rawValue: 4)
        /// An ACK is to be sent without delay.
        static let acknowledge = Flags(rawValue: 8)
        /// The application called finish; FIN was sent; FIN was acknowledged.
        static let finish = Flags(rawValue: 16)
        static let finSent = Flags(rawValue: 32)
        static let finAcknowledged = Flags(rawValue: 64)
        static let peerFinished = Flags(rawValue: 128)
        static let passive = Flags(rawValue: 256)
        /// A loss probe, a window probe, a keepalive probe is to be sent.
        static let tailProbe = Flags(rawValue: 512)
        static let windowProbe = Flags(rawValue: 1024)
        static let keepaliveProbe = Flags(rawValue: 2048)
        static let probes: Flags = .tailProbe | .windowProbe | .keepaliveProbe
        static let tailProbeOutstanding = Flags(rawValue: 4096)
        static let tailProbeRetransmitted = Flags(rawValue: 8192)
        /// One segment may be sent whatever the congestion window says.
        static let forceRetransmission = Flags(rawValue: 16384)
        /// A segment smaller than silly-window avoidance wants may be sent.
        static let overrideSilly = Flags(rawValue: 32768)
        static let duplicatePending = Flags(rawValue: 65536)
        /// The congestion window was what limited sending.
        static let windowLimited = Flags(rawValue: 131072)
        /// `closed` was reported to the application.
        static let reported = Flags(rawValue: 262144)
        /// Everything was acknowledged but bytes wait for the application: `closed` is reported when it took them.
        static let closePending = Flags(rawValue: 524288)
        static let finHeld = Flags(rawValue: 1_048_576)
        /// Both ends scale their windows (RFC 7323 §2.2).
        static let scaling = Flags(rawValue: 2_097_152)
        /// Both ends speak ECN; the peer's segments met congestion; ours did, and the peer is to be told that this end
        /// slowed down.
        static let congestionNotification = Flags(rawValue: 4_194_304)
        static let echoCongestion = Flags(rawValue: 8_388_608)
        static let windowReduced = Flags(rawValue: 16_777_216)
        /// Small segments wait for acknowledgments.
        static let nagle = Flags(rawValue: 33_554_432)
        /// `recovery.point` ends the window of data in which ECN slowed this end down.
        static let slowingDown = Flags(rawValue: 67_108_864)
        /// The latest segment sent closed the window.
        static let windowClosed = Flags(rawValue: 134_217_728)
        static let keepalive = Flags(rawValue: 268_435_456)
        /// The application called close: it reads nothing more.
        static let orphan = Flags(rawValue: 536_870_912)
        static let urgent = Flags(rawValue: 1_073_741_824)
        static let sendUrgent = Flags(rawValue: 2_147_483_648)

    }

    enum RetransmissionKind: UInt8, BitwiseCopyable { case timeout, tailProbe, persist, handshake }

    // What follows from the above.

    var usesIPv6: Bool { !identity.peer.isIPv4 }
    var ipHeaderByteCount: Int { usesIPv6 ? 40 : 20 }

    /// After an option or the path changed it (RFC 6691).
    mutating func updateSegmentSize() {
        let path = UInt32(pathMTU) &- UInt32(ipHeaderByteCount) &- 20
        segmentSize = min(UInt32(peerSegmentSize), path) &- (flags.contains(.timestamps) ? 12 : 0)
    }

    var flightSize: UInt32 { sendNext - sendUnacknowledged }
    /// Bytes thought to be in the network (RFC 6675 §4).
    var pipe: UInt32 {
        let outside = scoreboard.sackedByteCount &+ scoreboard.lostByteCount
        return flightSize > outside ? flightSize &- outside : 0
    }
    var isSynchronized: Bool { state.rawValue >= State.established.rawValue }

    /// SND.NXT as a stream offset; FIN counts as one byte.
    var sendNextOffset: UInt64 { acknowledgedOffset &+ UInt64(flightSize) }
    var unsentByteCount: UInt64 { flags.contains(.finSent) ? 0 : promisedOffset &- sendNextOffset }
    /// The stream offset of a sequence number at or after SND.UNA.
    func offset(of sequence: SequenceNumber) -> UInt64 { acknowledgedOffset &+ UInt64(sequence - sendUnacknowledged) }
    var usableWindow: UInt32 {
        let right = sendUnacknowledged + sendWindow
        return sendNext < right ? right - sendNext : 0
    }

    var firstDeadline: UInt64 {
        min(
            min(retransmissionDeadline, reorderingDeadline), min(acknowledgmentDeadline, stateDeadline),
            applicationDeadline)
    }
}
