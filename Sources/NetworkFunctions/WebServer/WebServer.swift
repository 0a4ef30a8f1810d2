import HTTP1
import TCPStack

/// An HTTP/1.1 server of the files beneath one directory.
///
/// It owns fixed tables only: a response is a few numbers from which any of its bytes can be written again until they
/// are acknowledged, so nothing is buffered for retransmission and nothing is allocated after `init`.
public struct WebServer: ~Copyable {
    /// What the server keeps for one connection.
    public struct State: BitwiseCopyable {
        enum Phase: UInt8, BitwiseCopyable {
            /// Between requests, or within a head.
            case head
            /// Within a request's body, which is read and dropped; the answer is `pending`.
            case body
            /// FIN is queued. What still arrives is dropped, so that no reset overtakes the last response
            /// (RFC 9112 §9.6).
            case draining
            case closed
        }

        var phase = Phase.head
        /// Input was left in the receive buffer until responses are acknowledged.
        var isStalled = false
        var peerFinished = false
        /// Chunked body, else one of `bodyRemaining` bytes.
        var isChunked = false
        var closesAfterBody = false
        var responseCount: UInt16 = 0
        var buffered: UInt32 = 0
        var first = Response.none
        var last = Response.none
        /// Response that was written last: where `produce` starts to look.
        var cursor = Response.none
        var pending = Response.none
        /// Slot that holds the beginning of a head.
        var headSlot = Response.none
        var requestCount: UInt32 = 0
        /// Stream offset of the first byte that was never produced.
        var produced: UInt64 = 0
        var bodyRemaining: UInt64 = 0
        var chunked = ChunkedDecoder()
        var lastActivity: UInt64
        /// When the head's first byte, the body or the lingering began.
        var phaseStarted: UInt64
        /// When the timer is set to fire; it may be later than needed to avoid setting it for every request.
        var timer = UInt64.max
        var peer: Endpoint
    }

    let maximumBodyByteCount: UInt64
    let keepAliveRequests: UInt32
    let servesDotFiles: Bool
    let reservedResponses: Int
    let limits: HeadLimits
    let index: IndexName
    let headerTimeout: UInt64
    let idleTimeout: UInt64
    let bodyTimeout: UInt64

    var cache: FileCache
    var responses: Pool<Response>
    var parts: Pool<MultipartRanges>
    var queries: ByteSlots
    var querySlots: IndexPool
    var heads: ByteSlots
    var headSlots: IndexPool
    var path: ByteSlots
    var scratch: ByteSlots
    var clock: DateClock
    var log: AccessLog?
    var openConnections = 0
    var readAhead: ReadAhead
    /// The call to `produce` under way continues where the connection's last one ended.
    var isSequential = false
    var boundary: UInt64 = 0
    /// What the server did since it started.
    public internal(set) var counters = WebServerCounters()

    /// - Parameters:
    ///   - directory: A descriptor of the document root (O_PATH suffices), which the caller keeps open.
    ///   - accessLog: The pipe the access log goes into if the configuration has it on; nil leaves it off.
    public init(
        directory: Int32, configuration: WebServerConfiguration, accessLog: Int32? = nil
    ) throws(WebServerError) {
        maximumBodyByteCount = configuration.maximumBodyByteCount
        keepAliveRequests = configuration.keepAliveRequests
        servesDotFiles = configuration.servesDotFiles
        reservedResponses = configuration.reservedResponses
        limits = configuration.headLimits
        index = IndexName(configuration.index)
        headerTimeout = configuration.headerTimeoutMilliseconds &* 1_000_000
        idleTimeout = configuration.idleTimeoutMilliseconds &* 1_000_000
        bodyTimeout = configuration.bodyTimeoutMilliseconds &* 1_000_000
        let slotCount = min(configuration.connections, 256)
        let cache = try FileCache(directory: directory, configuration)
        let responses = try Pool<Response>(
            capacity: configuration.reservedResponses + WebServerConfiguration.sharedResponses)
        let parts = try Pool<MultipartRanges>(capacity: slotCount)
        let queries = try ByteSlots(
            slotByteCount: WebServerConfiguration.queryByteCountLimit, capacity: slotCount)
        let querySlots = try IndexPool(capacity: slotCount)
        let heads = try ByteSlots(slotByteCount: (limits.headByteCount + 4095) & ~4095, capacity: slotCount)
        let headSlots = try IndexPool(capacity: slotCount)
        let path = try ByteSlots(slotByteCount: WebServerConfiguration.pathByteCountLimit)
        let scratch = try ByteSlots(slotByteCount: 8192)
        let clock = try DateClock()
        let readAhead = try ReadAhead()
        if configuration.writesAccessLog, let accessLog {
            log = try AccessLog(accessLog)
        } else {
            log = nil
        }
        self.clock = clock
        self.readAhead = readAhead
        // All at once: a value with stored noncopyable parts cannot be left half made when one of them throws.
        self.cache = cache
        self.responses = responses
        self.parts = parts
        self.queries = queries
        self.querySlots = querySlots
        self.heads = heads
        self.headSlots = headSlots
        self.path = path
        self.scratch = scratch
    }
}

/// What a web server counts; nothing is derived from another counter.
public struct WebServerCounters: Sendable {
    public var requests: UInt64 = 0
    public var successes: UInt64 = 0
    public var redirections: UInt64 = 0
    public var clientErrors: UInt64 = 0
    public var serverErrors: UInt64 = 0
    /// Connections whose file could not be read to its announced end.
    public var truncatedFiles: UInt64 = 0
    /// Times input had to wait for responses to be acknowledged.
    public var stalls: UInt64 = 0
    public var timeouts: UInt64 = 0
    /// Connections reset for want of a response slot.
    public var exhaustions: UInt64 = 0
}

/// The name of a directory's index file, inline.
struct IndexName {
    static var limit: Int { 64 }
    private var storage = [64 of UInt8](repeating: 0)
    private let count: Int

    init(_ name: String) {
        count = min(name.utf8.count, Self.limit)
        for (index, byte) in name.utf8.prefix(Self.limit).enumerated() { storage[index] = byte }
    }

    func append(to writer: inout ByteWriter) {
        for index in 0..<count { writer.append(octet: storage[index]) }
    }
}
