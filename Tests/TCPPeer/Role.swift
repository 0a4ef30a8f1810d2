/// What an end of a connection does.
enum Role: Equatable {
    /// Takes everything; after the peer's FIN answers with a `Report`, then FIN.
    case sink
    /// Waits for a line with a number, sends that many bytes of the content, then FIN.
    case source
    /// Sends that many bytes and FIN at once; takes what comes.
    case push(byteCount: Int)
    /// Sends back what came, as it came; FIN after the peer's.
    case echo
    /// Like `sink`, but takes at most that many bytes every 10 ms: the window closes.
    case slow(byteCount: Int)
    /// Neither reads nor writes anything of its own; FIN after the peer's.
    case idle

    /// `sink`, `source`, `echo`, `idle`, `push=BYTES` or `slow=BYTES`.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "=", maxSplits: 1)
        let number = parts.count == 2 ? Int(parts[1]) : nil
        switch (parts.first, number) {
        case ("sink", nil): self = .sink
        case ("source", nil): self = .source
        case ("echo", nil): self = .echo
        case ("idle", nil): self = .idle
        case ("push", let count?): self = .push(byteCount: count)
        case ("slow", let count?): self = .slow(byteCount: count)
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .sink: "sink"
        case .source: "source"
        case .push: "push"
        case .echo: "echo"
        case .slow: "slow"
        case .idle: "idle"
        }
    }
}

/// What a sink answers: how many bytes came, and the offset of the first wrong one (all ones when none is), both of
/// eight bytes in network order.
struct Report: BitwiseCopyable {
    static let byteCount = 16
    var received: UInt64
    var mismatch: UInt64

    func fill(_ target: inout MutableRawSpan, at offset: UInt64) {
        for index in 0..<target.byteCount {
            let position = Int(offset) + index
            let word = position < 8 ? received : mismatch
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (position % 8)))
            target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
    }
}
