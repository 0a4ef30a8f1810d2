import NetworkFunction
import TCPStack

/// Opens a number of connections, a few at a time.
struct Opener {
    let target: Endpoint
    let first: Endpoint
    let path: LinkPath
    let count: Int
    let parallel: Int
    let traceInterval: UInt64?
    private var started = 0
    private var ended = 0
    private var open: [ConnectionID] = []
    /// SYNs wait to be sent: do not sleep yet.
    private(set) var hasNews = false
    private var nextTrace: UInt64 = 0

    init(target: Endpoint, first: Endpoint, path: LinkPath, count: Int, parallel: Int, traceInterval: UInt64?) {
        self.target = target
        self.first = first
        self.path = path
        self.count = count
        self.parallel = parallel
        self.traceInterval = traceInterval
    }

    var isDone: Bool { ended == count }

    mutating func advance(_ worker: inout ServiceWorker<PeerService>) {
        hasNews = false
        for index in open.indices.reversed() {
            // A connection in TIME-WAIT is over for who opened it.
            if let info = worker.info(open[index]), info.state != .timeWait { continue }
            open.swapAt(index, open.count - 1)
            open.removeLast()
            ended += 1
        }
        while open.count < parallel, started < count {
            let local = Endpoint(address: first.address, port: first.port &+ UInt16(truncatingIfNeeded: started))
            started += 1
            if let connection = worker.connect(to: target, from: local, by: path) {
                open.append(connection)
                hasNews = true
            } else {
                ended += 1
            }
        }
        trace(worker)
    }

    private mutating func trace(_ worker: borrowing ServiceWorker<PeerService>) {
        let now = Instant.current.nanoseconds
        guard let traceInterval, now >= nextTrace, let connection = open.first,
            let info = worker.info(connection)
        else { return }
        nextTrace = now + traceInterval
        say(
            """
            {"trace": {"now": \(now), "state": "\(info.state)", "cwnd": \(info.congestionWindow), \
            "ssthresh": \(info.slowStartThreshold), "flight": \(info.bytesInFlight), \
            "srtt_us": \(info.smoothedRoundTrip / 1_000), "retransmitted": \
            \(info.retransmittedSegments), "acknowledged": \(info.bytesAcknowledged), \
            "received": \(info.bytesReceived), "send_window": \(info.sendWindow)}}
            """)
    }
}
