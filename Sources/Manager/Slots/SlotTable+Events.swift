import ControlAPI
import Linux
import Logging

/// What the kernel, the zygote and the NFs tell.
extension SlotTable {
    func processSpawned(token: UInt64, pid: Int32, at now: MonotonicTime) {
        guard let id = slot(of: token) else { return }
        self[id].pid = pid
        self[id].launches += 1
        self[id].startedAt = .now
        // Ended while the zygote was forking: the process learns it now.
        guard self[id].state != .dead else { return self[id].process?.kill() ?? () }
        guard self[id].state == .starting else { return }
        transition(id, to: .handingOver, at: now)
    }

    func spawnFailed(token: UInt64, errno: Errno, at now: MonotonicTime) {
        guard let id = slot(of: token) else { return }
        end(id, .startFailed, "fork: \(errno)", at: now)
        self[id].hasEnded = true
    }

    func processReady(token: UInt64, at now: MonotonicTime) {
        guard let id = slot(of: token), self[id].state != .dead else { return }
        guard isStarting(id) else { return end(id, .violation, "it said again that it is ready", at: now) }
        transition(id, to: .binding, at: now)
        self[id].bindAt = nil
        bind(id, at: now)
    }

    /// It says that it cannot run. What one that was ready says is about itself alone.
    func processFailed(token: UInt64, reason: String, at now: MonotonicTime) {
        guard let id = slot(of: token) else { return }
        end(id, isStarting(id) ? .startFailed : .failed, reason, at: now)
    }

    /// It said something that nobody understands. Before it is ready that is a fault of the program: of another build,
    /// or no NF at all.
    func processBabbled(token: UInt64, problem: String, at now: MonotonicTime) {
        guard let id = slot(of: token) else { return }
        end(id, isStarting(id) ? .startFailed : .violation, problem, at: now)
    }

    /// Whether there is somebody to listen to. Who was told to end has no more to say.
    func isHeard(token: UInt64) -> Bool { slot(of: token).map { self[$0].state != .dead } ?? false }

    private func isStarting(_ id: UInt32) -> Bool { self[id].state == .starting || self[id].state == .handingOver }

    /// Processes whose fork was not confirmed will never be; the others do not need the zygote.
    func zygoteEnded(at now: MonotonicTime) {
        for id in starting.sorted() where self[id].pid == nil {
            end(id, .startFailed, "the zygote ended", at: now)
        }
        for id in dead where self[id].pid == nil { self[id].hasEnded = true }
        logExpectedObituaries()
    }

    func handle(_ event: SteeringEvent, at now: MonotonicTime) {
        switch event {
        case .bound(let slot, _, let client, let port, let shared):
            guard isKnown(slot), !shared else { return }
            bound(slot, client, port, at: now)
        case .confirmed(let slot, _):
            guard isKnown(slot), self[slot].state == .bound else { return }
            self[slot].isConfirmed = true
        case .idleEmpty(let service):
            guard let index = pools.firstIndex(where: { $0.service.id == service }) else { return }
            nextGateLook = now
            noteOverflow(index, at: now)
        case .gateOn(let service):
            nextGateLook = now
            guard let index = pools.firstIndex(where: { $0.service.id == service }) else { return }
            look(atGateOf: index, at: now)
        case .violation(let slot, let cause):
            guard isKnown(slot) else { return }
            log.warning(
                "\(name(slot)): the NF sent what it may not: \(cause)", metadata: ["pid": "\(self[slot].pid ?? 0)"])
            noteViolation(of: slot, at: now)
        }
    }

    /// One line a second at most; the eBPF programs count every client.
    private func noteOverflow(_ index: Int, at now: MonotonicTime) {
        guard now >= pools[index].nextOverflowNote else { return }
        pools[index].nextOverflowNote = now + .milliseconds(Limit.overflowNoteMilliseconds)
        let pool = pools[index]
        log.notice(
            "\(pool.service.name): clients find no idle NF",
            metadata: [
                "taken": "\(pool.count(.bound))", "starting": "\(pool.starting)", "max": "\(pool.slots.count)",
                "overflow": "\(pool.service.overflow.rawValue)",
            ])
    }

    private func isKnown(_ slot: UInt32) -> Bool { Int(slot) < slots.count }

    /// The kernel gave the slot to a client. An event of its last client may come late: the binding is the truth.
    func bound(_ id: UInt32, _ client: IPAddress, _ port: UInt16, at now: MonotonicTime) {
        guard self[id].state == .idle, let binding = steering.binding(of: id) else { return }
        self[id].client = binding.client
        self[id].isConfirmed = binding.isConfirmed
        transition(id, to: .bound, at: now)
        nextWatch = min(nextWatch, now + .milliseconds(Limit.connectionWatchMilliseconds))
        log.debug("\(name(id)): serves \(client.description(port: port))", metadata: ["pid": "\(self[id].pid ?? 0)"])
    }

    /// Ends one NF because the operator wants it.
    /// - Returns: Whether there was one.
    func kill(slot id: UInt32, at now: MonotonicTime) -> Bool {
        guard isKnown(id), self[id].process != nil, self[id].state != .dead else { return false }
        end(id, .killed, "killed on request", at: now)
        return true
    }
}
