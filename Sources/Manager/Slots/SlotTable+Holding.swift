import ControlAPI

/// A client whose NFs crash again and again keeps the binding to its dead slot for a while: what it sends is dropped
/// there, and it gets no other NF meanwhile.
extension SlotTable {
    /// The first step of any teardown: frees the slot's clients for another NF, now or, after repeated crashes, later.
    /// - Returns: How long the client waits, in milliseconds; nil: not at all.
    func letGo(_ id: UInt32, _ cause: EndCause, at now: MonotonicTime) -> Int? {
        guard let pause = pause(id, cause, at: now) else {
            unbind(id)
            return nil
        }
        self[id].heldUntil = now + .milliseconds(pause)
        return pause
    }

    /// Only where the slot's binding is one client's and stands for all its connections.
    private func pause(_ id: UInt32, _ cause: EndCause, at now: MonotonicTime) -> Int? {
        let service = pool(of: id).service
        guard cause == .crashed || cause == .hung, service.isolation == .client, self[id].isOffered,
            let binding = steering.binding(of: id), !binding.isShared
        else { return nil }
        let client = CrashHistory.Client(
            service: service.id, address: binding.client.prefix(ofIPv6: service.ipv6PrefixLength))
        let pause = crashes.note(client, at: now)
        guard pause > 0 else { return nil }
        pools[self[id].service].clientPauses += 1
        return pause
    }

    func isHeld(_ id: UInt32, at now: MonotonicTime) -> Bool { self[id].heldUntil.map { now < $0 } ?? false }

    /// While a client waits, its NF's memory and socket are given back; the maps have the slot still.
    func closeHeldProcesses(at now: MonotonicTime) {
        for id in dead where self[id].hasEnded && self[id].process != nil && isHeld(id, at: now) { closeProcess(id) }
    }

    func closeProcess(_ id: UInt32) {
        self[id].process?.close()
        slotOfToken[self[id].token] = nil
        self[id].process = nil
        self[id].token = 0
        self[id].pid = nil
        self[id].startedAt = nil
    }
}
