import Glibc
import Linux

/// The control groups of a running instance: one for each slot, so that no NF takes what others need.
final class DomainGroups {
    let trees: [ControlGroupPlan.Tree]
    /// Kills for want of memory that were seen, by slot.
    private var memoryKills: [UInt32: UInt64] = [:]
    private var made: Set<UInt32> = []
    /// Slots whose weight is not that of their service now.
    private var lowered: Set<UInt32> = []

    /// Makes the instance's groups. A tree where that is not possible is left as it was.
    /// - Parameter failed: Told what could not be done.
    init(_ trees: [ControlGroupPlan.Tree], failed: (ControlGroupPlan.Tree, ControlGroupError) -> Void) {
        self.trees = trees.filter { tree in
            do throws(ControlGroupError) {
                try Self.prepare(tree)
                return true
            } catch {
                Self.remove(tree) { _ in }
                failed(tree, error)
                return false
            }
        }
    }

    var controllers: Set<String> { Set(trees.flatMap(\.controllers)) }

    private static func prepare(_ tree: ControlGroupPlan.Tree) throws(ControlGroupError) {
        let parent = ControlGroup(path: tree.parent)
        try removeSlots(of: tree)
        if let path = tree.managerPath {
            let manager = ControlGroup(path: path)
            try manager.make()
            try manager.set("cgroup.procs", "0")
        }
        if !tree.turnedOn.isEmpty { try parent.set("cgroup.subtree_control", list("+", tree.turnedOn)) }
        guard let path = tree.managerPath, tree.controllers.contains("cpu") else { return }
        try setWeight(managerWeight, of: ControlGroup(path: path), isUnified: tree.isUnified)
    }

    /// Until the manager has seen what an NF does, nobody else does; it is the nice value -15 in the words of groups.
    private static let managerWeight = 2_850

    private static func list(_ sign: String, _ controllers: [String]) -> String {
        controllers.map { sign + $0 }.joined(separator: " ")
    }

    private static func setWeight(
        _ weight: Int, of group: ControlGroup, isUnified: Bool
    ) throws(ControlGroupError) {
        if isUnified {
            try group.set("cpu.weight", "\(min(weight, 10_000))")
        } else {
            // 100 of version 2 are 1024 of version 1.
            try group.set("cpu.shares", "\(max(2, min(weight * 1_024 / 100, 262_144)))")
        }
    }

    // MARK: Slots

    /// How a new process gets into the groups of a slot.
    final class Entry {
        let descriptors: [CInt]
        /// The first is a directory of version 2, see `SpawnRequest`.
        let hasUnified: Bool

        init(_ descriptors: [CInt], hasUnified: Bool) {
            self.descriptors = descriptors
            self.hasUnified = hasUnified
        }

        deinit { for descriptor in descriptors { _ = close(descriptor) } }
    }

    /// The groups are made for the first process of a slot and kept for the next ones.
    func entry(slot: UInt32, service: Topology.Service) throws -> Entry {
        if made.contains(slot) {
            // What the process before died of is not this one's, nor is what it did with its weight.
            _ = hasNewMemoryKill(slot: slot)
            if lowered.contains(slot) { try setWeight(slot: slot, to: service.resources.cpuWeight) }
        } else {
            for tree in trees { try make(tree, slot, service) }
            made.insert(slot)
        }
        var descriptors: [CInt] = []
        do {
            for tree in trees where tree.isUnified { descriptors.append(try group(tree, slot).openDirectory().release()) }
            for tree in trees where !tree.isUnified {
                descriptors.append(try group(tree, slot).open("tasks", O_WRONLY).release())
            }
        } catch {
            for descriptor in descriptors { _ = close(descriptor) }
            throw HostError("open the control group of slot \(slot): \(error)")
        }
        return Entry(descriptors, hasUnified: trees.contains { $0.isUnified })
    }

    private func group(_ tree: ControlGroupPlan.Tree, _ slot: UInt32) -> ControlGroup {
        ControlGroup(path: tree.parent).child("\(tree.prefix).\(slot)")
    }

    private func make(
        _ tree: ControlGroupPlan.Tree, _ slot: UInt32, _ service: Topology.Service
    ) throws(ControlGroupError) {
        let group = group(tree, slot)
        try group.make()
        for controller in tree.controllers {
            switch controller {
            case "cpu":
                try Self.setWeight(service.resources.cpuWeight, of: group, isUnified: tree.isUnified)
                if let percent = service.resources.cpuPercent { try setCeiling(percent, of: group, tree.isUnified) }
            case "memory": try setMemory(service.memoryByteCount, of: group, tree.isUnified)
            // An NF is one thread.
            case "pids": try group.set("pids.max", "1")
            default: break
            }
        }
    }

    /// Short periods, so that an NF at its ceiling pauses shortly; the kernel wants a millisecond of time in each.
    private func setCeiling(
        _ percent: Int, of group: ControlGroup, _ isUnified: Bool
    ) throws(ControlGroupError) {
        let period = max(10_000, 100_000 / percent)
        let quota = period * percent / 100
        if isUnified { return try group.set("cpu.max", "\(quota) \(period)") }
        try group.set("cpu.cfs_period_us", "\(period)")
        try group.set("cpu.cfs_quota_us", "\(quota)")
    }

    /// No swap: an NF that needs more than it may ends, and slows down nobody.
    private func setMemory(
        _ byteCount: Int, of group: ControlGroup, _ isUnified: Bool
    ) throws(ControlGroupError) {
        if isUnified {
            try group.set("memory.max", "\(byteCount)")
            return try group.set("memory.swap.max", "0", requires: false)
        }
        try group.set("memory.limit_in_bytes", "\(byteCount)")
        try group.set("memory.memsw.limit_in_bytes", "\(byteCount)", requires: false)
    }

    /// - Returns: false where there is no CPU controller: then its weight is the nice value of its process.
    @discardableResult
    func setWeight(slot: UInt32, to weight: Int) throws(ControlGroupError) -> Bool {
        let own = trees.filter { $0.controllers.contains("cpu") }
        for tree in own { try Self.setWeight(weight, of: group(tree, slot), isUnified: tree.isUnified) }
        lowered.insert(slot)
        return !own.isEmpty
    }

    /// Whether the kernel killed a process of the slot for want of memory since this was asked last.
    func hasNewMemoryKill(slot: UInt32) -> Bool {
        guard let tree = trees.first(where: { $0.controllers.contains("memory") }) else { return false }
        let file = tree.isUnified ? "memory.events" : "memory.oom_control"
        guard let kills = group(tree, slot).number("oom_kill", in: file) else { return false }
        return kills > memoryKills.updateValue(kills, forKey: slot) ?? 0
    }

    // MARK: The way down

    /// Removes all of it. The processes have to be gone.
    func remove(failed: (ControlGroupError) -> Void) {
        for tree in trees { Self.remove(tree, failed: failed) }
    }

    /// Of this manager, or of one that died. What is no group of ours is left alone, whatever a state file says.
    /// - Returns: Whether there was something.
    @discardableResult
    static func remove(_ tree: ControlGroupPlan.Tree, failed: (ControlGroupError) -> Void) -> Bool {
        let parent = ControlGroup(path: tree.parent)
        let manager = tree.managerPath.map { ControlGroup(path: $0) }
        let isOurs = tree.prefix.hasPrefix("onvm-") && !tree.prefix.contains("/")
        guard isOurs, parent.exists, manager.map({ $0 == parent.child("\(tree.prefix)-manager") }) ?? true else { return false }
        var wasThere = false
        do throws(ControlGroupError) {
            wasThere = try removeSlots(of: tree)
            // Another instance may use them now (EBUSY): then they stay.
            if !tree.turnedOn.isEmpty { try? parent.set("cgroup.subtree_control", list("-", tree.turnedOn)) }
            guard let manager, manager.exists else { return wasThere }
            wasThere = true
            for pid in (manager.text("cgroup.procs") ?? "").split(separator: "\n") {
                try? parent.set("cgroup.procs", String(pid))
            }
            try manager.removeTree()
        } catch {
            failed(error)
        }
        return wasThere
    }

    /// - Returns: Whether there was one.
    @discardableResult
    private static func removeSlots(of tree: ControlGroupPlan.Tree) throws(ControlGroupError) -> Bool {
        let parent = ControlGroup(path: tree.parent)
        let own = parent.children.filter { name in
            name.hasPrefix(tree.prefix + ".") && UInt32(name.dropFirst(tree.prefix.count + 1)) != nil
        }
        for name in own { try parent.child(name).removeTree() }
        return !own.isEmpty
    }
}
