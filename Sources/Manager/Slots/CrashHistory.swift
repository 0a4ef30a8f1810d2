/// Clients whose NFs came to a bad end lately, and how long each of them waits for another one.
///
/// A client that makes its NF crash learns something each time: whether a guess was right. After a few, the next guess
/// takes longer and longer. Nobody else is touched by that.
struct CrashHistory {
    struct Client: Hashable {
        var service: UInt8
        var address: IPAddress
    }

    enum Limit {
        /// Crashes that cost a client nothing: software has bugs.
        static let free = 3
        static let firstPauseMilliseconds = 500
        static let longestPauseMilliseconds = 30_000
        /// How long after the last crash all is forgotten.
        static let memoryMilliseconds = 120_000
        static let clients = 4_096
    }

    private struct Entry {
        var count = 0
        var last = MonotonicTime.zero
    }

    private var entries: [Client: Entry] = [:]

    var clientCount: Int { entries.count }

    /// - Returns: How long the client has to wait, in milliseconds; 0: not at all.
    mutating func note(_ client: Client, at now: MonotonicTime) -> Int {
        makeRoom(for: client, at: now)
        var entry = entries[client] ?? Entry()
        if isForgotten(entry, at: now) { entry.count = 0 }
        entry.count += 1
        entry.last = now
        entries[client] = entry
        guard entry.count > Limit.free else { return 0 }
        return min(Limit.longestPauseMilliseconds, Limit.firstPauseMilliseconds << min(entry.count - Limit.free - 1, 10))
    }

    private func isForgotten(_ entry: Entry, at now: MonotonicTime) -> Bool {
        now - entry.last >= .milliseconds(Limit.memoryMilliseconds)
    }

    /// A crash is rare; a look at all of them then costs nothing that matters.
    private mutating func makeRoom(for client: Client, at now: MonotonicTime) {
        guard entries.count >= Limit.clients, entries[client] == nil else { return }
        entries = entries.filter { !isForgotten($0.value, at: now) }
        guard entries.count >= Limit.clients, let oldest = entries.min(by: { $0.value.last < $1.value.last }) else {
            return
        }
        entries[oldest.key] = nil
    }
}

extension IPAddress {
    /// What stands for a client in a service's bindings: an IPv4 address, or this many bits of an IPv6 address.
    func prefix(ofIPv6 length: Int) -> IPAddress {
        guard !isIPv4 else { return self }
        return IPAddress(
            high: length >= 64 ? high : high & ~(.max >> UInt64(length)),
            low: length <= 64 ? 0 : low & (length >= 128 ? .max : ~(.max >> UInt64(length - 64))))
    }
}
