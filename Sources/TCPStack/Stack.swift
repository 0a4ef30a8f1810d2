import PacketHeaders

/// A sans-IO TCP for one thread: frames and the time come in as arguments, frames and the next deadline go out.
///
/// One round of its driver is: for each frame `receive`, then `deliver` if bytes came, with calls of the application in
/// between; then `nextEvent` until nil; then `nextSegment` until nil, each followed by `seal` (or `fail`).
public struct Stack: ~Copyable {
    let configuration: Configuration
    let timing: Timing
    public internal(set) var counters = Counters()

    var blockPool: Pool<TransmissionControlBlock>
    let blocks: Table<TransmissionControlBlock>
    let demultiplexer: Demultiplexer
    var timers: TimerWheel
    var ready: ReadyQueue
    var replies: ReplyQueue
    var records: Pool<Transmission>
    var ranges: Pool<ReceivedRange>
    var receivePool: ReceivePool
    var listeners: Listeners
    var timeWait = TimeWaitList()
    var resets: RateLimit
    var eventLog: EventLog

    let initialSequence: InitialSequence
    var cookies: SYNCookie
    /// The time of the call under way or of the last one; calls of the application happen at that time.
    var now = Instant(nanoseconds: 0)
    var halfOpenCount = 0
    /// Connections the application closed and TCP has not, TIME_WAIT aside.
    var orphanCount = 0
    /// What `receive` offered and `deliver` has not taken yet.
    var offered = OfferedPayload()
    /// Segments sent in a row from the connection at the head of the ready queue.
    var burst = 0

    /// Reserves all memory the stack will ever use; pages are touched as connections need them.
    public init(_ configuration: Configuration) {
        precondition((576...9216).contains(configuration.mtu), "MTU outside 576...9216")
        precondition(configuration.connectionCapacity > 0, "no connections")
        self.configuration = configuration
        timing = Timing(configuration)
        let capacity = configuration.connectionCapacity
        blockPool = Pool(capacity: capacity)
        blocks = blockPool.elements
        demultiplexer = Demultiplexer(capacity: capacity)
        timers = TimerWheel(capacity: capacity)
        ready = ReadyQueue(capacity: capacity)
        replies = ReplyQueue(capacity: configuration.replyCapacity)
        records = Pool(capacity: capacity + configuration.transmissionCapacity, reserve: capacity)
        ranges = Pool(capacity: configuration.reassemblyCapacity)
        // Twice the window: bytes are appended behind read ones before they are moved to the front.
        receivePool = ReceivePool(
            byteCount: configuration.receivePoolByteCount, largestBlock: configuration.maximumReceiveWindow * 2)
        listeners = Listeners(capacity: configuration.listenerCapacity)
        eventLog = EventLog(capacity: configuration.historyCapacity)
        resets = RateLimit(perSecond: configuration.resetLimit)
        initialSequence = InitialSequence(secret: configuration.secret)
        cookies = SYNCookie(secret: configuration.secret)
    }

    /// Accepts connections to `endpoint`; the address `::` is any. False when the table is full.
    public mutating func listen(on endpoint: Endpoint) -> Bool { listeners.append(endpoint) }

    /// Notes the time of a call.
    @inline(__always)
    mutating func begin(_ now: Instant) {
        timers.start(at: now)
        if self.now < now { self.now = now }
    }

    /// The block's index while the ID is not stale.
    @inline(__always)
    func index(of connection: ConnectionID) -> UInt32? {
        guard connection.index < configuration.connectionCapacity, connection.generation & 1 == 1,
            blocks[connection.index].generation == connection.generation
        else { return nil }
        return connection.index
    }

    func id(_ index: UInt32) -> ConnectionID { ConnectionID(index: index, generation: blocks[index].generation) }
}

// What may be asked about a connection.
extension Stack {
    /// Bytes promised so far: the stream offset of the next one.
    public func promised(_ connection: ConnectionID) -> UInt64 {
        index(of: connection).map { blocks[$0].promisedOffset } ?? 0
    }

    /// Bytes the peer acknowledged.
    public func acknowledged(_ connection: ConnectionID) -> UInt64 {
        index(of: connection).map { min(blocks[$0].acknowledgedOffset, blocks[$0].promisedOffset) } ?? 0
    }

    public func peer(of connection: ConnectionID) -> Endpoint? {
        index(of: connection).map {
            Endpoint(address: blocks[$0].identity.peer, port: blocks[$0].identity.peerPort)
        }
    }

    public func local(of connection: ConnectionID) -> Endpoint? {
        index(of: connection).map {
            Endpoint(address: blocks[$0].identity.local, port: blocks[$0].identity.localPort)
        }
    }

    /// Connections in any state.
    public var connectionCount: Int { blockPool.capacity - blockPool.freeCount }
}
