/// The histories of connections, in a fixed table that is handed out round robin: a connection takes one with its
/// first event and loses it when the table came round, and one that is gone keeps its until then. So the memory is
/// bounded, nothing has to be given back, and what happened can be read after the end.
struct EventLog: ~Copyable {
    private let table: MappedTable<ConnectionHistory>
    private var nextIndex: UInt32 = 0
    private(set) var usedCount = 0

    init(capacity: Int) { table = MappedTable(capacity: capacity) }

    var elements: Table<ConnectionHistory> { table.elements }

    func contains(_ index: UInt32, of connection: ConnectionID) -> Bool {
        index < usedCount && table.elements[index].connection == connection
    }

    mutating func take(_ history: ConnectionHistory) -> UInt32 {
        let index = nextIndex
        nextIndex = Int(index) + 1 == table.capacity ? 0 : index + 1
        usedCount = max(usedCount, Int(index) + 1)
        table.elements[index] = history
        return index
    }
}

extension Stack {
    /// Notes a rare event of a connection.
    @inline(never)
    mutating func record(_ index: UInt32, _ kind: ConnectionHistory.Kind, _ argument: UInt32 = 0) {
        let connection = id(index)
        if !eventLog.contains(blocks[index].history, of: connection) {
            let identity = blocks[index].identity
            blocks[index].history = eventLog.take(
                ConnectionHistory(
                    connection, peer: Endpoint(address: identity.peer, port: identity.peerPort),
                    local: Endpoint(address: identity.local, port: identity.localPort)))
        }
        eventLog.elements[blocks[index].history].append(kind, argument, at: now)
    }

    /// What happened to a connection, which may be gone; nil when nothing was noted, or others' events took its place.
    public func history(of connection: ConnectionID) -> ConnectionHistory? {
        if let index = index(of: connection) {
            let history = blocks[index].history
            return eventLog.contains(history, of: connection) ? eventLog.elements[history] : nil
        }
        for position in histories where eventLog.elements[UInt32(position)].connection == connection {
            return eventLog.elements[UInt32(position)]
        }
        return nil
    }

    /// The histories kept, of connections that exist and of the latest that do not, for `history(at:)`.
    public var histories: Range<Int> { 0..<eventLog.usedCount }

    public func history(at position: Int) -> ConnectionHistory {
        precondition(histories.contains(position), "no such history")
        return eventLog.elements[UInt32(position)]
    }
}
