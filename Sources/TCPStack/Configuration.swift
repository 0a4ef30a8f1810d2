/// Who finishes the TCP checksum of the segments that are sent.
public enum TransmitChecksum: UInt8, Sendable, BitwiseCopyable {
    /// `seal` writes the complete checksum.
    case full
    /// `seal` writes the folded sum of the pseudo-header; the kernel or the device finishes (CHECKSUM_PARTIAL,
    /// include/linux/skbuff.h).
    case partial
}

/// Every limit and timeout of a stack, with its default.
public struct Configuration: Sendable {
    /// Connections in any state; a full table answers SYNs with cookies and drops the ACK it has no room for.
    public var connectionCapacity = 65_536
    /// Endpoints that can be listened on.
    public var listenerCapacity = 64
    /// Connections in SYN_RCVD; beyond it SYN cookies (RFC 4987 §3.6) answer.
    public var halfOpenLimit = 1_024
    /// Connections in TIME_WAIT; the oldest makes room for the newest.
    public var timeWaitLimit = 32_768
    /// Connections that the application closed and that still wait for the peer; more are reset.
    public var orphanLimit = 8_192
    /// The link's MTU: bytes of an IP packet, 576...9216.
    public var mtu = 1_500
    /// Bytes of the pool that holds received data no application has taken yet, for all connections together.
    public var receivePoolByteCount = 64 << 20
    /// The receive window a connection starts with, and the one it may grow to.
    public var initialReceiveWindow = 65_535
    public var maximumReceiveWindow = 1 << 20
    /// Descriptions of sent and unacknowledged ranges, for all connections together. When it is full, loss detection
    /// gets coarser; nothing else changes.
    public var transmissionCapacity = 262_144
    /// Ranges received out of order, for all connections together; a segment that would need another is dropped.
    public var reassemblyCapacity = 65_536
    /// Resets and SYN,ACKs without a connection that wait for a transmit frame.
    public var replyCapacity = 1_024
    /// Histories of connections' rare events: what the latest to have any keep, those that are gone among them.
    public var historyCapacity = 4_096
    /// Secret of the table's hash, the initial sequence numbers and the SYN cookies. Must be random.
    public var secret: (UInt64, UInt64)
    /// Whether a TCP checksum that equals the folded pseudo-header sum is right: true on virtual links only.
    public var trustsPartialChecksums = false
    public var transmitChecksum = TransmitChecksum.full
    /// Whether a frame may hold more payload than a segment: the device cuts it into segments (TSO). A frame then holds
    /// as many segments as it has room for, 64 KiB at most.
    public var allowsSegmentation = false
    /// Offered options.
    public var usesTimestamps = true
    public var usesSelectiveAcknowledgment = true
    /// Whether a peer that asks for explicit congestion notification (RFC 3168) gets it, and whether this end asks.
    public var acceptsECN = true
    public var requestsECN = false
    /// Whether small segments wait while others are in flight (Nagle's algorithm, RFC 9293 §3.7.4), until
    /// `Stack.setNagle` says otherwise. An application that promises whole messages is better off without.
    public var usesNagle = false
    /// The hop limit (TTL) of sent packets, and their Diffserv code point.
    public var hopLimit: UInt8 = 64
    public var codePoint: UInt8 = 0

    /// RFC 6298 §2.4 says 1 s; like every large stack we take less, and TLP (RFC 8985) covers the tail.
    public var minimumRetransmissionTimeout = Duration.milliseconds(200)
    public var maximumRetransmissionTimeout = Duration.seconds(60)
    /// Before the first sample (RFC 6298 §2.1).
    public var initialRetransmissionTimeout = Duration.seconds(1)
    /// RFC 9293 §3.8.6.3 allows up to 500 ms.
    public var delayedAcknowledgmentTimeout = Duration.milliseconds(40)
    /// How long unacknowledged data, a closed window, or FIN without an answer is borne (RFC 9293 §3.8.3 R2).
    public var userTimeout = Duration.seconds(120)
    /// How long a passive open may take. RFC 9293 §3.8.3 has three minutes; a server that is flooded cannot wait so
    /// long.
    public var handshakeTimeout = Duration.seconds(30)
    /// How long an active open may take (RFC 9293 §3.8.3, R2 for SYN).
    public var connectTimeout = Duration.seconds(180)
    /// Idle time before the first keepalive probe (RFC 9293 §3.8.4), then between probes. With nil none are sent unless
    /// the application asks for them, then after two hours.
    public var keepaliveIdle: Duration? = .seconds(60)
    public var keepaliveInterval = Duration.seconds(10)
    public var keepaliveProbes = 6
    /// Twice the maximum segment lifetime.
    public var timeWait = Duration.seconds(60)
    /// How long FIN_WAIT_2 waits for the peer's FIN.
    public var finWait2Timeout = Duration.seconds(60)
    /// The least time between two challenge ACKs of one connection. A limit for the whole stack, which RFC 5961 §7
    /// suggests, would tell an attacker about other connections (CVE-2016-5696).
    public var challengeInterval = Duration.milliseconds(200)
    /// Resets a second for segments that belong to no connection.
    public var resetLimit = 10_000

    /// - Parameter secret: 16 bytes from the operating system's random source.
    public init(secret: (UInt64, UInt64)) { self.secret = secret }
}
