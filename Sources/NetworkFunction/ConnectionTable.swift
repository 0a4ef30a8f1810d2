public import Linux
public import TCPStack

/// A service's state for each connection, by the stack's dense index. Memory is touched only where connections were.
@safe public struct ConnectionTable<State: BitwiseCopyable>: ~Copyable {
    @usableFromInline let states: UnsafeMutablePointer<State>
    @usableFromInline let identities: UnsafeMutablePointer<ConnectionID>
    @usableFromInline let live: UnsafeMutablePointer<Bool>
    @usableFromInline let memory: MappedRegion
    @usableFromInline let capacity: Int
    /// No index at or above this was ever used.
    @usableFromInline var highWater = 0

    public init(capacity: Int) throws(Errno) {
        self.capacity = capacity
        let stateBytes = (MemoryLayout<State>.stride * capacity + 63) & ~63
        let identityBytes = (MemoryLayout<ConnectionID>.stride * capacity + 63) & ~63
        memory = try MappedRegion(anonymous: stateBytes + identityBytes + capacity)
        // Safe: the three arrays lie one after another in one region that lives as long as this table.
        unsafe states = memory.base.bindMemory(to: State.self, capacity: capacity)
        unsafe identities = (memory.base + stateBytes).bindMemory(to: ConnectionID.self, capacity: capacity)
        unsafe live = (memory.base + stateBytes + identityBytes).bindMemory(to: Bool.self, capacity: capacity)
    }

    @inlinable public mutating func insert(_ state: State, for connection: ConnectionID) {
        let index = Int(connection.index)
        precondition(index < capacity, "the stack has more connections than its service")
        unsafe states[index] = state
        unsafe identities[index] = connection
        unsafe live[index] = true
        highWater = max(highWater, index + 1)
    }

    /// Whether the service knows this very connection.
    @inlinable public func contains(_ connection: ConnectionID) -> Bool {
        let index = Int(connection.index)
        guard index < highWater else { return false }
        return unsafe live[index] && identities[index] == connection
    }

    /// The connection at `index`, if it is live.
    @inlinable public func connection(at index: Int) -> ConnectionID? {
        guard index < highWater, unsafe live[index] else { return nil }
        return unsafe identities[index]
    }

    @inlinable public mutating func remove(_ connection: ConnectionID) {
        if contains(connection) { unsafe live[Int(connection.index)] = false }
    }

    /// The state of a connection for which `contains` is true.
    @inlinable public subscript(_ connection: ConnectionID) -> State {
        get {
            precondition(Int(connection.index) < capacity)
            return unsafe states[Int(connection.index)]
        }
        set {
            precondition(Int(connection.index) < capacity)
            unsafe states[Int(connection.index)] = newValue
        }
    }

    /// Where the state of a contained connection lies; valid while the table is.
    @inlinable func pointer(_ connection: ConnectionID) -> UnsafeMutablePointer<State> {
        precondition(Int(connection.index) < capacity)
        return unsafe states + Int(connection.index)
    }
}
