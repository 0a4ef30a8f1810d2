public import Linux
public import Synchronization

/// A word of an NF's telemetry page. The NF writes, the manager reads; each is one 64-bit counter or gauge.
///
/// Names are those that `onvm status --json` shows. Raw values are the ABI between manager and NF: append only.
public enum TelemetryField: Int, CaseIterable, Sendable {
    /// `Telemetry.layoutVersion` once the NF has written its first words.
    case layoutVersion = 0
    /// Rises with every turn of the NF's loop.
    case heartbeat
    /// 1 while the NF sleeps in poll(2), else 0. A heartbeat that stands still while this is 0 is a hang.
    case asleep
    case wakeups
    case rxPackets, rxBytes, txPackets, txBytes
    /// Connections in any state that the NF holds now.
    case connections
    /// Connections whose handshake completed, ever.
    case accepted
    /// Connections that ended, ever.
    case closed
    /// CLOCK_MONOTONIC nanoseconds of the last segment that belonged to a connection.
    case lastActivity
    case requests
    // Frames: free + inFlight = all, at any time the loop sleeps.
    case framesTotal, framesFree, framesInFlight
    case kicks, kickRetries
    // Drops by cause.
    case dropMalformed, dropChecksum, dropFragment, dropUnknownConnection, dropNoMemory, dropOversized, dropNoFrame
    case dropOther
    // Recovery.
    case retransmittedSegments, retransmissionTimeouts, fastRecoveries, duplicateAcknowledgments, outOfOrderSegments
    case challengeAcknowledgments, resetsSent, resetsReceived
    // XDP_STATISTICS of the socket, as the kernel counts them.
    case xskRxDropped, xskRxInvalidDescriptors, xskTxInvalidDescriptors, xskRxRingFull, xskRxFillRingEmpty
    case xskTxRingEmpty
    /// Lines of its access log that the pipe to the log writer did not take.
    case logLinesDropped

    /// The drop causes, with the names that `status --json` gives them.
    public static let dropCauses: [(field: TelemetryField, name: String)] = [
        (.dropMalformed, "malformed"), (.dropChecksum, "checksum"), (.dropFragment, "fragment"),
        (.dropUnknownConnection, "unknown_connection"), (.dropNoMemory, "no_memory"),
        (.dropOversized, "oversized"), (.dropNoFrame, "no_frame"), (.dropOther, "other"),
        (.xskRxDropped, "xsk_rx_dropped"), (.xskRxRingFull, "xsk_rx_ring_full"),
        (.xskRxFillRingEmpty, "xsk_rx_fill_ring_empty"), (.xskRxInvalidDescriptors, "xsk_rx_invalid_descriptors"),
        (.xskTxInvalidDescriptors, "xsk_tx_invalid_descriptors"),
    ]
}

/// 64-bit words shared by an NF (writer) and the manager (reader): a page of counters, then records of connections.
///
/// The manager maps it from a size-sealed memory file, so a hostile NF can write wrong numbers but nothing else.
@safe public struct Telemetry: ~Copyable {
    public static let layoutVersion: UInt64 = 2
    public static let byteCount = 64 * 1024

    private let region: MappedRegion
    @usableFromInline let words: UnsafePointer<Atomic<UInt64>>

    /// A new page's descriptor.
    public static func createMemory() throws(Errno) -> FileDescriptor {
        try SharedMemory.create(name: "onvm-telemetry", byteCount: byteCount)
    }

    public init(mapping memory: borrowing FileDescriptor) throws(Errno) {
        // Pages come to be when they are written to, most of them never.
        region = try MappedRegion(memory, byteCount: Self.byteCount, populate: false)
        unsafe words = UnsafePointer(region.base.assumingMemoryBound(to: Atomic<UInt64>.self))
    }

    @inlinable public subscript(_ field: TelemetryField) -> UInt64 {
        // Safe: raw values are far below the 512 words of the first page.
        get { unsafe words[field.rawValue].load(ordering: .relaxed) }
        nonmutating set { unsafe words[field.rawValue].store(newValue, ordering: .relaxed) }
    }

    /// Adds without a locked instruction: this page has one writer.
    @inlinable public func add(_ amount: UInt64, to field: TelemetryField) {
        self[field] = self[field] &+ amount
    }

    // Words of the other parts. Every caller's index is bounded by its own precondition.

    @usableFromInline func load(_ word: Int) -> UInt64 { unsafe words[checked(word)].load(ordering: .relaxed) }
    @usableFromInline func loadAcquiring(_ word: Int) -> UInt64 {
        unsafe words[checked(word)].load(ordering: .acquiring)
    }
    func store(_ value: UInt64, inWord word: Int) { unsafe words[checked(word)].store(value, ordering: .relaxed) }
    func storeReleasing(_ value: UInt64, inWord word: Int) {
        unsafe words[checked(word)].store(value, ordering: .releasing)
    }
    /// By the manager: the other writer of the page.
    func add(_ amount: UInt64, toWord word: Int) {
        _ = unsafe words[checked(word)].wrappingAdd(amount, ordering: .acquiringAndReleasing)
    }

    private func checked(_ word: Int) -> Int {
        precondition((0..<Self.byteCount / 8).contains(word), "outside of the telemetry memory")
        return word
    }
}
