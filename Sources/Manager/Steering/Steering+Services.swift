internal import BPF
internal import CBPFTypes

/// The queue of a service's idle slots.
final class IdleQueue {
    let queue: Queue<onvm_idle_slot>

    private let capacity: UInt32

    init(capacity: UInt32) throws {
        queue = try Queue(capacity: capacity, name: "idle_queue")
        self.capacity = capacity
    }

    /// Takes out the entries of slots that are not idle any more. Turns the queue round once, so that it is never empty
    /// for a client that comes meanwhile.
    func removeStale(_ slots: borrowing MappedArray<onvm_slot>) throws {
        var first: UInt32?
        for _ in 0..<capacity {
            guard let entry = queue.pop() else { return }
            let idle = SlotState(generation: entry.generation, kind: Int(ONVM_SLOT_IDLE))
            guard slots[Int(entry.slot)].state == idle.word else { continue }
            try queue.push(entry)
            if first == entry.slot { return }
            first = first ?? entry.slot
        }
    }
}

/// A service's share table, in this process's memory.
final class ShareTableMap {
    let array: MappedArray<UInt32>

    init() throws { array = try MappedArray(creating: "share_table", count: ShareTable.size) }
}

extension Steering {
    /// Adds or changes a service. Endpoints that are not in the definition any more are removed.
    public func define(_ service: ServiceDefinition) throws {
        precondition(service.id != 0, "service 0 means none")
        precondition((0...128).contains(service.ipv6PrefixLength))
        for (id, other) in definitions where id != service.id {
            guard let taken = service.endpoints.first(where: other.endpoints.contains) else { continue }
            throw SteeringError.endpointTaken(taken, by: id)
        }
        let id = UInt32(service.id)
        if idleQueues[service.id] == nil {
            // Room for stale entries of slots that died while they were idle: a slot has at most a few at a time.
            let queue = try IdleQueue(capacity: max(limits.slots * 4, 64))
            try maps.idle.set(id, to: queue.queue.descriptor)
            idleQueues[service.id] = queue
        }
        let soleSlot = maps.services.value(for: id)?.sole_slot ?? 0
        try maps.services.update(id, onvm_service(service, soleSlot: soleSlot))
        let kept = Set(service.endpoints)
        for endpoint in definitions[service.id]?.endpoints ?? [] where !kept.contains(endpoint) {
            try maps.endpoints.remove(onvm_endpoint_key(endpoint))
        }
        definitions[service.id] = service
        setGate(service)
        try noteWildcards()
        for endpoint in service.endpoints { try maps.endpoints.update(onvm_endpoint_key(endpoint), id) }
    }

    /// Removes a service; its traffic goes to the kernel's stack. Unbind its slots first.
    public func remove(service: UInt8) throws {
        guard let definition = definitions.removeValue(forKey: service) else {
            throw SteeringError.unknownService(service)
        }
        for endpoint in definition.endpoints { try maps.endpoints.remove(onvm_endpoint_key(endpoint)) }
        try maps.services.update(UInt32(service), onvm_service())
        maps.idle.remove(UInt32(service))
        maps.share.remove(UInt32(service))
        maps.overload[Int(service)] = 0
        maps.gates[Int(service)] = onvm_gate()
        idleQueues[service] = nil
        shareTables[service] = nil
        try noteWildcards()
    }

    /// Makes `steer` drop new clients of the service (backpressure), or not any more.
    public func setOverloaded(_ overloaded: Bool, service: UInt8) { maps.overload[Int(service)] = overloaded ? 1 : 0 }

    /// The slots that take new clients when none is idle (overflow share), spread by consistent hashing.
    public func setShareTable(service: UInt8, slots: [UInt32]) throws {
        guard definitions[service] != nil else { throw SteeringError.unknownService(service) }
        let table: ShareTableMap
        if let known = shareTables[service] {
            table = known
        } else {
            table = try ShareTableMap()
            try maps.share.set(UInt32(service), to: table.array.descriptor)
            shareTables[service] = table
        }
        for (index, entry) in ShareTable.entries(of: slots).enumerated() where table.array[index] != entry {
            table.array[index] = entry
        }
    }

    /// Pins a verdict to one direction of a flow; it precedes every other rule.
    public func setFlow(_ flow: FlowKey, _ verdict: FlowVerdict) throws {
        let key = onvm_flow_key(flow)
        let isNew = maps.flows.value(for: key) == nil
        try maps.flows.update(key, onvm_flow_verdict(verdict))
        if isNew { try updateSettings { $0.flow_count += 1 } }
    }

    /// - Returns: whether the flow had a verdict.
    @discardableResult
    public func removeFlow(_ flow: FlowKey) throws -> Bool {
        guard try maps.flows.remove(onvm_flow_key(flow)) else { return false }
        try updateSettings { $0.flow_count -= 1 }
        return true
    }

    private func noteWildcards() throws {
        let hasWildcard = definitions.values.contains { $0.endpoints.contains { $0.address == nil } }
        try updateSettings { $0.has_wildcards = hasWildcard ? 1 : 0 }
    }

    func updateSettings(_ change: (inout onvm_settings) -> Void) throws {
        guard var settings = maps.settings.value(for: 0) else { return }
        change(&settings)
        try maps.settings.update(0, settings)
    }
}
