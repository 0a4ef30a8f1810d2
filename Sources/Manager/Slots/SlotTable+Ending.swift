import ControlAPI
import Linux
import Logging

/// From a process that has to go, or has gone, to a spare slot.
extension SlotTable {
    /// Ends the process of a slot. Its clients are free for another NF when this returns.
    func end(_ id: UInt32, _ cause: EndCause, _ reason: String, at now: MonotonicTime) {
        guard let process = self[id].process, self[id].state != .dead else { return }
        let delays = !mayHaveHadClient(id)
        let pause = letGo(id, cause, at: now)
        self[id].endCause = cause
        pools[self[id].service].countEnd(cause)
        log(obituary(id, cause, clientPause: pause, at: now, delays: delays), reason)
        process.kill()
        leaveDead(id, at: now)
    }

    /// A network device is gone. If a slot loses it, its NF can neither hear nor answer: another one starts, on new ones.
    func deviceRemoved(index: UInt32, at now: MonotonicTime) {
        loseDevices(index, "its network devices were removed", at: now)
    }

    /// Somebody took the egress program off a device: what the NF sends would be checked by nobody. The devices go at once.
    func egressRemoved(index: UInt32, at now: MonotonicTime) {
        loseDevices(index, "its egress program was removed", at: now)
    }

    private func loseDevices(_ index: UInt32, _ reason: String, at now: MonotonicTime) {
        guard let id = slots.first(where: { $0.device?.has(index) ?? false })?.id, let device = self[id].device
        else { return }
        self[id].device = nil
        devices.remove(device)
        end(id, .deviceLost, reason, at: now)
    }

    /// The process is no more: the kernel said so. The zygote tells how, a moment earlier or later.
    func processEnded(token: UInt64, how: String? = nil, at now: MonotonicTime) {
        guard let id = slot(of: token), !self[id].hasEnded else { return }
        self[id].hasEnded = true
        guard self[id].state != .dead else { return }
        let delays = !mayHaveHadClient(id)
        let lackedMemory = self[id].process?.wasKilledForMemory ?? false
        let cause: EndCause = lackedMemory ? .outOfMemory : isDraining ? .stopped : .crashed
        let pause = letGo(id, cause, at: now)
        self[id].endCause = cause
        pools[self[id].service].countEnd(cause)
        let line = obituary(id, cause, clientPause: pause, at: now, delays: delays)
        if let how {
            log(line, how)
        } else {
            expect(line, of: self[id].pid)
        }
        self[id].process?.kill()
        leaveDead(id, at: now)
    }

    /// The zygote reaped a process.
    func processReaped(pid: Int32, how: String, at now: MonotonicTime) {
        if let line = obituaries.removeValue(forKey: pid) { return log(line, how) }
        guard let slot = slots.first(where: { $0.pid == pid }) else { return }
        processEnded(token: slot.token, how: how, at: now)
    }

    private func expect(_ line: Obituary, of pid: Int32?) {
        guard let pid, launcher.isAvailable, obituaries.count < Limit.obituaries else {
            return log(line, "its process ended")
        }
        obituaries[pid] = line
    }

    /// Without a zygote nobody tells how a process ended.
    func logExpectedObituaries() {
        for line in obituaries.values { log(line, "its process ended") }
        obituaries = [:]
    }

    /// Its clients are free for another NF.
    func unbind(_ id: UInt32) {
        guard self[id].isOffered else { return }
        self[id].isOffered = false
        do {
            try steering.unbind(slot: id)
        } catch {
            log.error("\(name(id)): cannot unbind: \(error)")
        }
    }

    private func leaveDead(_ id: UInt32, at now: MonotonicTime) {
        transition(id, to: .dead, at: now)
        dead.append(id)
    }

    /// A log line about the end of a process, but for how it ended.
    struct Obituary {
        var level: Logger.Level
        var beginning: String
        var metadata: Logger.Metadata
    }

    /// Whether a client's bytes may have reached the process. The kernel gives a slot away before anybody tells us.
    private func mayHaveHadClient(_ id: UInt32) -> Bool {
        switch self[id].state {
        case .bound, .draining: true
        case .idle: steering.binding(of: id) != nil
        default: false
        }
    }

    /// A client can make its own NF crash, and say and do anything; only ends that have nothing to do with a client hold
    /// up the service.
    private func obituary(
        _ id: UInt32, _ cause: EndCause, clientPause: Int?, at now: MonotonicTime, delays: Bool
    ) -> Obituary {
        var metadata: Logger.Metadata = ["cause": "\(cause.rawValue)"]
        if let pid = self[id].pid { metadata["pid"] = "\(pid)" }
        if let client = self[id].client { metadata["client"] = "\(client)" }
        if let clientPause { metadata["client_waits"] = "\(clientPause) ms" }
        if cause.delaysNextStart || (delays && cause.isOwnDoing) {
            metadata["pause"] = "\(pools[self[id].service].backOff(at: now)) ms"
        }
        let beginning = "\(name(id)): NF \(self[id].state.rawValue) ended: "
        return Obituary(level: level(of: cause), beginning: beginning, metadata: metadata)
    }

    private func log(_ line: Obituary, _ how: String) {
        log.log(level: line.level, "\(line.beginning)\(how)", metadata: line.metadata)
    }

    private func level(of cause: EndCause) -> Logger.Level {
        switch cause {
        case .finished, .idleTimeout, .halfOpen, .stopped: .debug
        case .killed: .notice
        case .crashed, .hung, .startFailed, .startTimedOut, .bindFailed, .deviceLost: .warning
        case .failed, .violation, .outOfMemory: .warning
        }
    }

    /// Takes ended processes out of the maps and gives back what was theirs, a few a turn.
    func rebuildDeadSlots(at now: MonotonicTime) {
        closeHeldProcesses(at: now)
        let ended = dead.filter { self[$0].hasEnded && !isHeld($0, at: now) }.prefix(Limit.slotsPerTurn)
        guard !ended.isEmpty else { return }
        for id in ended { clear(id, at: now) }
        dead.removeAll { ended.contains($0) }
    }

    private func clear(_ id: UInt32, at now: MonotonicTime) {
        unbind(id)
        self[id].heldUntil = nil
        if self[id].isAdmitted {
            do {
                try steering.retire(slot: id)
            } catch {
                log.error("\(name(id)): cannot take the slot out of the maps: \(error)")
            }
        }
        closeProcess(id)
        self[id].isAdmitted = false
        self[id].client = nil
        transition(id, to: .spare, at: now)
    }

    // MARK: Stopping the manager

    /// NFs without a client end now; the others finish what they have.
    func drain(at now: MonotonicTime) {
        stopRefilling()
        for pool in pools {
            for id in pool.slots where self[id].process != nil {
                switch self[id].state {
                case .bound:
                    self[id].process?.drain()
                    transition(id, to: .draining, at: now)
                case .draining, .dead:
                    break
                default:
                    end(id, .stopped, "the manager stops", at: now)
                }
            }
        }
    }

    func endAll(at now: MonotonicTime) {
        stopRefilling()
        for slot in slots where slot.process != nil { end(slot.id, .stopped, "the manager stops", at: now) }
    }

    var processCount: Int { slots.count { $0.process != nil } }
}
