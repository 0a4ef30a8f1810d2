import ControlAPI

/// NFs that send what they may not. Egress drops it all and says so once a second at most; the counters say how much it was.
extension SlotTable {
    func noteViolation(of id: UInt32, at now: MonotonicTime) {
        guard self[id].process != nil, self[id].state != .dead else { return }
        // More of the same second raises no event.
        if violating.insert(id).inserted {
            nextViolationLook = max(nextViolationLook, now + .milliseconds(Limit.violationLookMilliseconds))
        }
        lookForViolations(id, at: now)
    }

    func watchViolations(at now: MonotonicTime) {
        guard !violating.isEmpty, now >= nextViolationLook else { return }
        nextViolationLook = now + .milliseconds(Limit.violationLookMilliseconds)
        for id in violating.sorted() {
            guard self[id].process != nil, self[id].state != .dead, !self[id].violations.isOver(at: now) else {
                violating.remove(id)
                continue
            }
            lookForViolations(id, at: now)
        }
    }

    private func lookForViolations(_ id: UInt32, at now: MonotonicTime) {
        guard let count = steering.violationCount(slot: id) else { return }
        let recent = self[id].violations.look(count: count, at: now)
        guard recent >= UInt64(pool(of: id).service.resources.violations) else { return }
        violating.remove(id)
        end(id, .violation, "it sent \(recent) forbidden frames within a minute", at: now)
    }
}
