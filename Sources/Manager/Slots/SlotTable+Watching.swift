import ControlAPI
import Handover

/// What is noticed without an event: clients that left, handshakes that never finish, NFs that stand still.
extension SlotTable {
    func watchSlots(at now: MonotonicTime) {
        if now >= nextReconciliation {
            nextReconciliation = now + .milliseconds(Limit.reconciliationMilliseconds)
            reconcile(at: now)
        }
        guard now >= nextWatch else { return }
        let perConnection = pools.contains { $0.service.isolation == .connection && $0.count(.bound) > 0 }
        nextWatch = now + .milliseconds(perConnection ? Limit.connectionWatchMilliseconds : Limit.watchMilliseconds)
        for id in watched.sorted() { watch(id, at: now) }
    }

    private func watch(_ id: UInt32, at now: MonotonicTime) {
        guard let process = self[id].process else { return }
        let isHung = self[id].hang.look(
            heartbeat: process.read(.heartbeat), isAsleep: process.read(.asleep) != 0,
            received: process.read(.rxPackets), at: now, delivered: { steering.deliveredFrameCount(slot: id) })
        if isHung { return end(id, .hung, "no sign of life for \(HangWatch.limitMilliseconds) ms", at: now) }
        guard !pool(of: id).isShared, self[id].state == .bound else { return }
        guard process.read(.connections) == 0 else {
            self[id].quietSince = nil
            self[id].isConfirmed = self[id].isConfirmed || process.read(.accepted) > 0
            return endIfHalfOpen(id, at: now)
        }
        if !self[id].isConfirmed, process.read(.accepted) == 0 { return endIfHalfOpen(id, at: now) }
        endIfQuiet(id, at: now)
    }

    /// A spoofed address must not keep an NF that a real client could have.
    private func endIfHalfOpen(_ id: UInt32, at now: MonotonicTime) {
        guard !self[id].isConfirmed, now - self[id].since >= .milliseconds(Limit.halfOpenMilliseconds) else { return }
        // The event may have been lost; the binding is the truth.
        if let binding = steering.binding(of: id), binding.isConfirmed {
            self[id].isConfirmed = true
            return
        }
        end(id, .halfOpen, "no handshake after \(Limit.halfOpenMilliseconds / 1000) s", at: now)
    }

    private func endIfQuiet(_ id: UInt32, at now: MonotonicTime) {
        let service = pool(of: id).service
        let since = self[id].quietSince ?? now
        self[id].quietSince = since
        // An NF of one connection has nothing to wait for once that ended.
        guard service.isolation != .connection else { return end(id, .finished, "its connection ended", at: now) }
        let limit = service.idleTimeoutMilliseconds
        guard now - since >= .milliseconds(limit) else { return }
        // A SYN may be on its way to the NF: then the kernel has seen the client since.
        if let seen = steering.binding(of: id)?.lastSeen, seen > since.nanoseconds {
            self[id].quietSince = max(since, min(now, MonotonicTime(nanoseconds: seen)))
            return
        }
        end(id, .idleTimeout, "its client had no connection for \(limit / 1000) s", at: now)
    }

    /// Events get lost when the kernel's ring is full; what the maps say is the truth.
    private func reconcile(at now: MonotonicTime) {
        for pool in pools where !pool.isShared && pool.count(.idle) > 0 {
            guard steering.idleCount(service: pool.service.id) < pool.count(.idle) else { continue }
            for id in pool.slots where self[id].state == .idle {
                guard let binding = steering.binding(of: id) else { continue }
                bound(id, binding.client, binding.clientPort, at: now)
            }
        }
    }
}
