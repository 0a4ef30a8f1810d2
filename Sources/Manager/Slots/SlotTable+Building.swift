import ControlAPI
import Linux
import Logging
import XSK

/// From a spare slot to an NF that waits for a client.
extension SlotTable {
    /// Starts NFs where a service has fewer ready ones than it should.
    func refill(at now: MonotonicTime) {
        guard launcher.isAvailable else { return }
        var budget = min(Limit.slotsPerTurn, Limit.startsInFlight - starting.count)
        for index in pools.indices where budget > 0 && pools[index].retryAt <= now {
            let count = min(budget, pools[index].shortage)
            guard count > 0 else { continue }
            budget -= count
            let chosen = Array(pools[index].spare.suffix(count).reversed())
            pools[index].spare.removeLast(count)
            start(chosen, at: now)
        }
    }

    private func start(_ ids: [UInt32], at now: MonotonicTime) {
        for id in ids { transition(id, to: .creating, at: now) }
        let missing = ids.filter { self[$0].device == nil }
        do {
            if !missing.isEmpty { try makeDevices(missing) }
        } catch {
            for id in ids { fail(id, "cannot make the slot's devices: \(error)", at: now) }
            return
        }
        for id in ids { launch(id, at: now) }
    }

    /// Nothing that can send exists before its policy: devices are made down, policed, brought up, and only then handed over.
    private func makeDevices(_ ids: [UInt32]) throws {
        // The chosen slots are of one service.
        let service = pool(of: ids[0]).service
        let made = try devices.create(slots: ids, sendBy: service.transmit)
        do {
            for (id, device) in zip(ids, made) { try steering.police(attachment(id, service, device, socket: nil)) }
            try devices.bringUp(Dictionary(uniqueKeysWithValues: zip(ids, made)))
        } catch {
            made.forEach(devices.remove)
            throw error
        }
        for (id, device) in zip(ids, made) { self[id].device = device }
    }

    private func attachment(
        _ id: UInt32, _ service: Topology.Service, _ device: SlotDevice, socket: CInt?
    ) -> SlotAttachment {
        SlotAttachment(
            slot: id, service: service.id, hostIndex: device.hostIndex, nfIndex: device.nfIndex,
            tapIndex: device.tap?.index, socket: socket, rate: service.resources.rate)
    }

    private func launch(_ id: UInt32, at now: MonotonicTime) {
        let token = newToken()
        do {
            let process = try launcher.launch(
                slot: id, token: token, service: pool(of: id).service, tap: self[id].device?.tap)
            self[id].process = process
            self[id].token = token
            self[id].hasEnded = false
            self[id].endCause = nil
            self[id].quietSince = nil
            self[id].violations = ViolationWatch()
            self[id].processor = ProcessorWatch()
            slotOfToken[token] = id
            transition(id, to: .starting, at: now)
        } catch {
            fail(id, "cannot start an NF: \(error)", at: now)
        }
    }

    /// Gives up before there was a process.
    private func fail(_ id: UInt32, _ reason: String, at now: MonotonicTime) {
        let pause = pools[self[id].service].backOff(at: now)
        pools[self[id].service].countEnd(.startFailed)
        log.error("\(name(id)): \(reason); next attempt in \(pause) ms")
        transition(id, to: .spare, at: now)
    }

    func bindWaitingSlots(at now: MonotonicTime) {
        for id in binding.sorted() where self[id].bindAt.map({ $0 <= now }) ?? true { bind(id, at: now) }
    }

    /// The queue's previous owner is torn down by the kernel's workqueue, some 16 ms after the last holder closed it;
    /// until then bind says EBUSY.
    func bind(_ id: UInt32, at now: MonotonicTime) {
        guard let process = self[id].process, let device = self[id].device else { return }
        do {
            try process.bind(interfaceIndex: device.nfIndex)
        } catch {
            let isLate = now - self[id].since >= .milliseconds(Limit.bindMilliseconds)
            guard error.errno == .busy, !isLate else { return end(id, .bindFailed, "\(error)", at: now) }
            self[id].bindAt = now + .milliseconds(Limit.bindRetryMilliseconds)
            return
        }
        admit(id, process, device, at: now)
    }

    /// Policy and maps first, the queue of idle NFs last: a client may come in the same moment.
    private func admit(_ id: UInt32, _ process: any NetworkFunctionProcess, _ device: SlotDevice, at now: MonotonicTime)
    {
        let service = pool(of: id).service
        do {
            try steering.admit(attachment(id, service, device, socket: process.socket))
            self[id].isAdmitted = true
            // Its counters start from zero now.
            self[id].violations = ViolationWatch(countedBefore: 0)
            self[id].hang = HangWatch(deliveredBefore: steering.deliveredFrameCount(slot: id) ?? 0)
            try process.run()
            try steering.offer(slot: id, service: service.id)
            self[id].isOffered = true
        } catch {
            return end(id, .bindFailed, "\(error)", at: now)
        }
        self[id].client = nil
        self[id].isConfirmed = false
        pools[self[id].service].noteReady()
        transition(id, to: pool(of: id).isShared ? .bound : .idle, at: now)
        log.debug("\(name(id)): NF is ready", metadata: ["pid": "\(self[id].pid ?? 0)", "uid": "\(process.userID)"])
    }

    func endLateStarts(at now: MonotonicTime) {
        for id in starting.sorted() where now - self[id].since >= .milliseconds(Limit.startMilliseconds) {
            end(id, .startTimedOut, "not ready after \(Limit.startMilliseconds / 1000) s", at: now)
        }
    }
}
