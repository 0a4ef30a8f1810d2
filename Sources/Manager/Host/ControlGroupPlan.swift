import Glibc
import Linux

/// Where on this host an instance can have control groups, and for which controllers.
struct ControlGroupPlan: Equatable {
    /// What an instance makes in one of the host's trees; `onvm cleanup` undoes it.
    ///
    /// The groups of slots lie beside each other, in none of the instance's: when one group with many processes that spin is
    /// all that wants a core for a while, Linux 6.18 lets everything else wait for seconds (seen with an instance's group, and
    /// with the autogroup of a session, sched(7), that NFs without groups are in).
    struct Tree: Codable, Equatable {
        var isUnified: Bool
        var controllers: [String]
        /// The group that those of the slots are made in.
        var parent: String
        /// What they are called: this, a dot and the number of the slot.
        var prefix: String
        /// A group of the manager's own. Version 2: a group with processes has no children with limits. Version 1: its weight
        /// in the tree of the CPU, where it would count no more than one NF.
        var managerPath: String?
        /// Controllers that the parent has to hand on, and does not yet (version 2).
        var turnedOn: [String] = []
    }

    var trees: [Tree] = []
    /// Controllers that cannot be used, and why.
    var missing: [String: String] = [:]

    static let needed = ["cpu", "memory", "pids"]

    /// Of the calling process on this host. Nothing is changed.
    static func find(instance: String) -> ControlGroupPlan {
        let hierarchies = ControlGroupHierarchy.all(
            mountInfo: readWholeFile("/proc/self/mountinfo") ?? "", membership: readWholeFile("/proc/self/cgroup") ?? "")
        return make(instance: instance, hierarchies, pid: getpid(), read: readWholeFile)
    }

    static func make(
        instance: String, _ hierarchies: [ControlGroupHierarchy], pid: Int32, read: @escaping (String) -> String?
    ) -> ControlGroupPlan {
        var plan = ControlGroupPlan()
        let name = "onvm-\(instance)"
        // A controller is in one tree only, whichever mounted it first.
        for hierarchy in hierarchies where hierarchy.version == .v1 {
            let usable = needed.filter(hierarchy.controllers.contains)
            guard !usable.isEmpty else { continue }
            plan.trees.append(
                Tree(
                    isUnified: false, controllers: usable, parent: hierarchy.ownPath, prefix: name,
                    managerPath: usable.contains("cpu") ? "\(hierarchy.ownPath)/\(name)-manager" : nil))
        }
        var rest = needed.filter { controller in !plan.trees.contains { $0.controllers.contains(controller) } }
        var reason = hierarchies.isEmpty ? "no cgroup file system is mounted" : "this kernel's cgroups do not have it"
        if !rest.isEmpty, let hierarchy = hierarchies.first(where: { $0.version == .v2 }) {
            let unified = Unified(hierarchy: hierarchy, pid: pid, read: read)
            if let tree = unified.tree(named: name, for: rest) {
                plan.trees.append(tree)
                rest.removeAll(where: tree.controllers.contains)
            } else if let obstacle = unified.obstacle(for: rest) {
                reason = obstacle
            }
        }
        for controller in rest { plan.missing[controller] = reason }
        return plan
    }

    /// Version 2.
    private struct Unified {
        let hierarchy: ControlGroupHierarchy
        let pid: Int32
        let read: (String) -> String?

        func tree(named name: String, for wanted: [String]) -> Tree? {
            let own = hierarchy.ownPath
            // Its own group, if it is the manager's alone, as systemd gives it to a service with Delegate=yes: what limits
            // the manager then limits its NFs.
            if !isRoot(own), isAlone(own), wanted.allSatisfy(controllers(of: own).contains) {
                return tree(own, name, wanted, managerPath: "\(own)/\(name)-manager")
            }
            guard isRoot(hierarchy.mountPoint) else { return nil }
            return tree(hierarchy.mountPoint, name, wanted.filter(controllers(of: hierarchy.mountPoint).contains))
        }

        private func tree(
            _ parent: String, _ name: String, _ usable: [String], managerPath: String? = nil
        ) -> Tree? {
            guard !usable.isEmpty else { return nil }
            let handedOn = words(read(parent + "/cgroup.subtree_control"))
            return Tree(
                isUnified: true, controllers: usable, parent: parent, prefix: name, managerPath: managerPath,
                turnedOn: usable.filter { !handedOn.contains($0) })
        }

        func obstacle(for wanted: [String]) -> String? {
            guard !isRoot(hierarchy.mountPoint) else { return nil }
            let lacking = wanted.filter { !controllers(of: hierarchy.ownPath).contains($0) }
            return lacking.isEmpty
                ? "other processes are in \(hierarchy.ownPath), so it can have no groups with limits; run onvm in a group"
                    + " of its own (systemd: a service with Delegate=yes)"
                : "\(hierarchy.ownPath) was not given it (systemd: Delegate=yes)"
        }

        /// The root of the whole tree has no type; the root of a cgroup namespace has one.
        private func isRoot(_ path: String) -> Bool { read(path + "/cgroup.type") == nil }

        private func isAlone(_ path: String) -> Bool {
            words(read(path + "/cgroup.procs")) == ["\(pid)"]
        }

        private func controllers(of path: String) -> Set<String> { words(read(path + "/cgroup.controllers")) }

        private func words(_ text: String?) -> Set<String> {
            Set((text ?? "").split(whereSeparator: \.isWhitespace).map(String.init))
        }
    }
}

/// A file of a kernel's file system, which tells no size.
private func readWholeFile(_ path: String) -> String? {
    guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY) else { return nil }
    var all: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = unsafe read(file.rawValue, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        guard count > 0 else { return String(decoding: all, as: UTF8.self) }
        all += bytes.prefix(count)
    }
}
