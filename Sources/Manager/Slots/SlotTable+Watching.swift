import ControlAPI
import Handover
import Logging

/// What is noticed without an event: clients that left, handshakes that never finish, NFs that stand still.
extension SlotTable {
    func watchSlots(at now: MonotonicTime) {
        if now >= nextReconciliation {
            nextReconciliation = now + .milliseconds(Limit.reconciliationMilliseconds)
            reconcile(at: now)
            removeGuests(at: now)
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
        watchProcessor(id, process, at: now)
        let (accepted, closed) = (process.read(.accepted), process.read(.closed))
        // Not `connections`: that counts those in TIME-WAIT as well (RFC 9293 §3.3.2), which need nobody any more. A late
        // FIN of such a client is answered by the kernel.
        let isQuiet = closed >= accepted
        if self[id].state == .draining {
            if isQuiet { end(id, .stopped, "its clients have finished", at: now) }
            return
        }
        guard !pool(of: id).isShared else { return }
        guard self[id].isConfirmed else { return endIfHalfOpen(id, at: now) }
        if endIfSilent(id, at: now) { return }
        guard isQuiet else { return self[id].quietSince = nil }
        endIfQuiet(id, hasServed: accepted > 0, at: now)
    }

    /// A spoofed address must not keep an NF that a real client could have.
    private func endIfHalfOpen(_ id: UInt32, at now: MonotonicTime) {
        guard now - self[id].since >= .milliseconds(Limit.halfOpenMilliseconds) else { return }
        // The event may have been lost; the binding is the truth.
        if let binding = steering.binding(of: id), binding.isConfirmed {
            self[id].isConfirmed = true
            return
        }
        end(id, .halfOpen, "no handshake after \(Limit.halfOpenMilliseconds / 1000) s", at: now)
    }

    /// What an NF says of its connections may shorten its time, not prolong it: the kernel knows when the client was
    /// heard last. A client that has a connection is, at the latest when the stack probes it (RFC 9293 §3.8.4).
    private func endIfSilent(_ id: UInt32, at now: MonotonicTime) -> Bool {
        guard let binding = steering.binding(of: id) else { return false }
        let limit = max(pool(of: id).service.idleTimeoutMilliseconds, Limit.silenceMilliseconds)
        let heard = max(self[id].since, MonotonicTime(nanoseconds: max(binding.lastSeen, binding.boundAt)))
        guard now - heard >= .milliseconds(limit) else { return false }
        end(id, .idleTimeout, "its client was not heard for \(limit / 1000) s", at: now)
        return true
    }

    private func endIfQuiet(_ id: UInt32, hasServed: Bool, at now: MonotonicTime) {
        let service = pool(of: id).service
        let since = self[id].quietSince ?? now
        self[id].quietSince = since
        // An NF of one connection has nothing to wait for once that ended.
        if service.isolation == .connection, hasServed { return end(id, .finished, "its connection ended", at: now) }
        let limit = service.idleTimeoutMilliseconds
        guard now - since >= .milliseconds(limit) else { return }
        // A SYN may be on its way to the NF: then the kernel has seen the client since.
        if let seen = steering.binding(of: id)?.lastSeen, seen > since.nanoseconds {
            self[id].quietSince = max(since, min(now, MonotonicTime(nanoseconds: seen)))
            return
        }
        end(id, .idleTimeout, "its client had no connection for \(limit / 1000) s", at: now)
    }

    /// Clients that joined another's NF and left: nothing new takes their place before.
    private func removeGuests(at now: MonotonicTime) {
        for pool in pools where pool.service.overflow == .share && pool.count(.bound) > 0 {
            do {
                try steering.removeGuests(
                    of: pool.service.id, unseenFor: UInt64(pool.service.idleTimeoutMilliseconds) * 1_000_000,
                    at: now.nanoseconds)
            } catch {
                log.error("\(pool.service.name): cannot forget clients that left: \(error)")
            }
        }
    }

    /// Events get lost when the kernel's ring is full; what the maps say is the truth.
    private func reconcile(at now: MonotonicTime) {
        reconcileGates(at: now)
        for pool in pools where !pool.isShared && pool.count(.idle) > 0 {
            guard steering.idleCount(service: pool.service.id) < pool.count(.idle) else { continue }
            for id in pool.slots where self[id].state == .idle {
                guard let binding = steering.binding(of: id) else { continue }
                bound(id, binding.client, binding.clientPort, at: now)
            }
        }
    }
}
