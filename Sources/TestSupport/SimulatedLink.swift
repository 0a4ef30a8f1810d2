/// What a path does to frames.
public struct Impairment: Sendable {
    public var delayMicroseconds = 5_000
    /// Extra delay of a frame that is reordered.
    public var reorderPerMille = 0
    public var lossPerMille = 0
    public var duplicatePerMille = 0
    public var corruptPerMille = 0
    /// Bytes a second through the bottleneck, and what its queue holds; zero is no bottleneck.
    public var bytesPerSecond = 0
    public var queueByteCount = 1 << 20

    public init() {}
}

/// One direction of a path, under virtual time and with its own seeded randomness.
public struct SimulatedLink {
    private struct Flight {
        var arrival: UInt64
        var order: UInt64
        var frame: [UInt8]
    }

    public let impairment: Impairment
    public private(set) var lostCount = 0
    public private(set) var sentCount = 0
    public private(set) var duplicatedCount = 0
    public private(set) var deliveredCount = 0
    /// Frames under way.
    public var flightCount: Int { heap.count }
    private var random: SeededRandom
    /// A binary heap, the next arrival first.
    private var heap: [Flight] = []
    private var order: UInt64 = 0
    private var busyUntil: UInt64 = 0

    public init(_ impairment: Impairment, seed: UInt64) {
        self.impairment = impairment
        random = SeededRandom(seed: seed)
    }

    public var nextArrival: UInt64? { heap.first?.arrival }

    public mutating func send(_ frame: [UInt8], at now: UInt64) {
        sentCount += 1
        if random.happens(perMille: impairment.lossPerMille) {
            lostCount += 1
            return
        }
        var departure = now
        if impairment.bytesPerSecond > 0 {
            let start = max(busyUntil, now)
            let queued = Int(start - now) * impairment.bytesPerSecond / 1_000_000_000
            if queued + frame.count > impairment.queueByteCount {
                lostCount += 1
                return
            }
            busyUntil = start + UInt64(frame.count) * 1_000_000_000 / UInt64(impairment.bytesPerSecond)
            departure = busyUntil
        }
        var frame = frame
        if random.happens(perMille: impairment.corruptPerMille) {
            frame[Int(random.next() % UInt64(frame.count))] ^= UInt8(1) << UInt8(random.next() % 8)
        }
        let delay = UInt64(impairment.delayMicroseconds) * 1_000
        push(frame, departure + delay + reorderDelay(delay))
        if random.happens(perMille: impairment.duplicatePerMille) {
            duplicatedCount += 1
            push(frame, departure + delay + random.next() % (delay + 1))
        }
    }

    private mutating func reorderDelay(_ delay: UInt64) -> UInt64 {
        random.happens(perMille: impairment.reorderPerMille) ? random.next() % (delay + 1) : 0
    }

    /// The next frame that arrived by `now`.
    public mutating func receive(at now: UInt64) -> [UInt8]? {
        guard let first = heap.first, first.arrival <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty { sink(last) }
        deliveredCount += 1
        return first.frame
    }

    private static func precedes(_ left: Flight, _ right: Flight) -> Bool {
        (left.arrival, left.order) < (right.arrival, right.order)
    }

    private mutating func push(_ frame: [UInt8], _ arrival: UInt64) {
        heap.append(Flight(arrival: arrival, order: order, frame: frame))
        order += 1
        var position = heap.count - 1
        while position > 0 {
            let parent = (position - 1) / 2
            guard Self.precedes(heap[position], heap[parent]) else { return }
            heap.swapAt(position, parent)
            position = parent
        }
    }

    private mutating func sink(_ flight: Flight) {
        var position = 0
        while true {
            var child = position * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count && Self.precedes(heap[child + 1], heap[child]) { child += 1 }
            guard Self.precedes(heap[child], flight) else { break }
            heap[position] = heap[child]
            position = child
        }
        heap[position] = flight
    }
}
