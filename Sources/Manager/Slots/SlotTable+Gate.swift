import ControlAPI
import Logging

/// What the manager makes of a service's SYN gate, which the eBPF programs switch on and off by themselves.
struct GateWatch {
    /// Clients that proved their address and wait for an NF.
    var waiting = 0
    /// When it went on, by the kernel's clock; nil while it is off.
    var onSince: MonotonicTime?
    /// The service's last drift, which counts once it is seen twice: slots move while they are counted.
    var drift: (idle: Int64, halfOpen: Int64) = (0, 0)
    /// What `steer` was told last.
    var isFull = false

    var needsLook: Bool { onSince != nil || waiting > 0 }
}

extension SlotTable {
    /// Reads who waits, and notices gates that went on or off.
    func watchGates(at now: MonotonicTime) {
        for index in pools.indices where !pools[index].isShared {
            let state = steering.gate(service: pools[index].service.id, at: now)
            pools[index].gate.waiting = state?.waiting ?? 0
        }
        guard now >= nextGateLook else { return }
        nextGateLook = now + .milliseconds(Limit.gateLookMilliseconds)
        for index in pools.indices { look(atGateOf: index, at: now) }
    }

    func look(atGateOf index: Int, at now: MonotonicTime) {
        let service = pools[index].service
        guard let state = steering.gate(service: service.id, at: now) else { return }
        if let since = pools[index].gate.onSince {
            guard !state.isOn else { return }
            pools[index].gate.onSince = nil
            let seconds = (MonotonicTime(nanoseconds: state.onUntil) - since).seconds
            let sources = steering.gateSources(service: service.id, limit: Limit.gateSources)
            log.notice(
                "\(service.name): the SYN gate is off after \(Int(seconds.rounded(.up))) s",
                metadata: ["most_syns": "\(sources.map { "\($0.prefix) \($0.count)" }.joined(separator: ", "))"])
        } else if state.isOn {
            pools[index].gate.onSince = MonotonicTime(nanoseconds: state.onSince)
            steering.forgetGateSources(service: service.id)
            log.notice(
                "\(service.name): the SYN gate is on: new clients prove their address first",
                metadata: ["idle": "\(state.idle)", "half_open": "\(state.halfOpen)", "waiting": "\(state.waiting)"])
        }
    }

    /// `steer` refuses a client only when no NF can be made for it.
    func tellWhoIsFull(at now: MonotonicTime) {
        for index in pools.indices where !pools[index].isShared {
            let isFull = isDraining || pools[index].isFull(at: now)
            guard pools[index].gate.isFull != isFull else { continue }
            pools[index].gate.isFull = isFull
            steering.setFull(isFull, service: pools[index].service.id)
        }
    }

    /// Counts that went wrong, by a manager that died in between, are put right here.
    func reconcileGates(at now: MonotonicTime) {
        for index in pools.indices where !pools[index].isShared {
            let service = pools[index].service.id
            steering.forgetWaitingClients(service: service, at: now)
            let drift = steering.gateDrift(service: service)
            let last = pools[index].gate.drift
            let persistent = (
                idle: drift.idle == last.idle ? drift.idle : 0,
                halfOpen: drift.halfOpen == last.halfOpen ? drift.halfOpen : 0)
            pools[index].gate.drift = drift
            guard persistent != (0, 0) else { continue }
            steering.correctGate(service: service, persistent)
            pools[index].gate.drift = (drift.idle - persistent.idle, drift.halfOpen - persistent.halfOpen)
        }
    }
}
