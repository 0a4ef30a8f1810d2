import Glibc

/// A tree of control groups as it is mounted here, and where a process is in it (cgroups(7)).
public struct ControlGroupHierarchy: Equatable, Sendable {
    public enum Version: Sendable { case v1, v2 }

    public var version: Version
    /// Of version 1: what is mounted here. Of version 2 each group has a file that says which it can use.
    public var controllers: Set<String>
    public var mountPoint: String
    /// The directory of the process's own group.
    public var ownPath: String

    public init(version: Version, controllers: Set<String>, mountPoint: String, ownPath: String) {
        self.version = version
        self.controllers = controllers
        self.mountPoint = mountPoint
        self.ownPath = ownPath
    }

    /// From the texts of /proc/self/mountinfo and /proc/self/cgroup. A tree that is mounted several times is there once.
    public static func all(mountInfo: String, membership: String) -> [ControlGroupHierarchy] {
        var hierarchies: [ControlGroupHierarchy] = []
        let memberships = membership.split(separator: "\n").compactMap(Membership.init)
        for mount in mountInfo.split(separator: "\n").compactMap(Mount.init) {
            guard let own = memberships.first(where: { $0.isOf(mount) }) else { continue }
            // A mount may show a part of the tree only; one without the own group is of no use.
            guard let relative = own.path.beneath(mount.root) else { continue }
            let found = ControlGroupHierarchy(
                version: mount.isUnified ? .v2 : .v1, controllers: mount.isUnified ? [] : own.controllers,
                mountPoint: mount.mountPoint, ownPath: relative.isEmpty ? mount.mountPoint : mount.mountPoint + relative)
            let isKnown = hierarchies.contains {
                $0.version == found.version && $0.controllers == found.controllers
            }
            if !isKnown { hierarchies.append(found) }
        }
        return hierarchies
    }

    /// A line of proc_pid_mountinfo(5).
    private struct Mount {
        var root: String
        var mountPoint: String
        var isUnified: Bool
        var options: Set<String>

        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { return nil }
            let type = fields[dash + 1]
            guard type == "cgroup" || type == "cgroup2" else { return nil }
            root = Self.unescaped(fields[3])
            mountPoint = Self.unescaped(fields[4])
            isUnified = type == "cgroup2"
            options = Set(fields[dash + 3].split(separator: ",").map(String.init))
        }

        /// Space, tab, newline and backslash are octal there: \040.
        private static func unescaped(_ text: Substring) -> String {
            var bytes: [UInt8] = []
            var rest = Array(text.utf8)[...]
            while let byte = rest.popFirst() {
                let digits = rest.prefix(3)
                guard byte == 0x5C, digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
                else {
                    bytes.append(byte)
                    continue
                }
                bytes.append(value)
                rest = rest.dropFirst(3)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// A line of /proc/self/cgroup: number, controllers, path.
    private struct Membership {
        var controllers: Set<String>
        var path: String

        init?(_ line: Substring) {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            controllers = Set(fields[1].split(separator: ",").map(String.init))
            path = String(fields[2])
        }

        func isOf(_ mount: Mount) -> Bool {
            mount.isUnified ? controllers.isEmpty : !controllers.isEmpty && controllers.isSubset(of: mount.options)
        }
    }
}

extension String {
    /// What follows `root` in this path: "" for the root itself; nil when the path does not lead there.
    fileprivate func beneath(_ root: String) -> String? {
        // A path of another cgroup namespace begins with /.. (cgroup_namespaces(7)).
        guard !hasPrefix("/..") else { return nil }
        if root == "/" { return self == "/" ? "" : self }
        if self == root { return "" }
        return hasPrefix(root + "/") ? String(dropFirst(root.count)) : nil
    }
}
