/// A segment that answers another and belongs to no connection.
struct Reply: BitwiseCopyable {
    var identity: ConnectionIdentity
    var link: LinkHeader
    var sequence: SequenceNumber
    var acknowledgment: SequenceNumber
    var control: ControlBits
    /// Set for the SYN,ACK of a SYN cookie.
    var window: UInt16 = 0
    var cookie: CookieOptions?
}

/// The options of a SYN,ACK for which no state is kept.
struct CookieOptions: BitwiseCopyable {
    var segmentSize: UInt16
    var timestamp: UInt32
    var timestampEcho: UInt32
    var hasTimestamp: Bool
    var permitsSACK: Bool
    var windowShift: UInt8?
}

/// Replies that wait for a transmit frame, in a ring of fixed size.
struct ReplyQueue: ~Copyable {
    private let replies: MappedTable<Reply>
    private var head: UInt32 = 0
    private var count: UInt32 = 0

    init(capacity: Int) { replies = MappedTable(capacity: capacity) }

    var isEmpty: Bool { count == 0 }

    /// False when the ring is full.
    mutating func append(_ reply: Reply) -> Bool {
        guard count < replies.capacity else { return false }
        replies.elements[(head &+ count) % UInt32(replies.capacity)] = reply
        count &+= 1
        return true
    }

    mutating func removeFirst() -> Reply? {
        guard count > 0 else { return nil }
        let reply = replies.elements[head]
        head = (head &+ 1) % UInt32(replies.capacity)
        count &-= 1
        return reply
    }
}

/// At most `limit` events a second: a bucket that holds one second's worth.
struct RateLimit {
    private let limit: UInt64
    private var tokens: UInt64
    private var refilledAt: UInt64 = 0

    init(perSecond limit: Int) {
        self.limit = UInt64(max(0, limit))
        tokens = self.limit
    }

    mutating func allows(at now: Instant) -> Bool {
        let elapsed = min(now.nanoseconds &- refilledAt, 1_000_000_000)
        let refill = elapsed &* limit / 1_000_000_000
        if refill > 0 {
            tokens = min(limit, tokens &+ refill)
            refilledAt = now.nanoseconds
        }
        guard tokens > 0 else { return false }
        tokens &-= 1
        return true
    }
}
