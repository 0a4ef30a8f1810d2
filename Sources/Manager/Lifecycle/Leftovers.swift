import ControlAPI
import Foundation
import Linux
import Logging

/// What a manager leaves on the host when it dies without a chance to restore it.
public enum Leftovers {
    /// What was found and removed, in words.
    public struct Report: Sendable {
        public var lines: [String] = []
        public var isEmpty: Bool { lines.isEmpty }
    }

    /// Removes everything of an instance whose manager is gone. NFs that still served end.
    /// - Throws: `AlreadyRunning` when its manager lives.
    public static func remove(instance: String) throws -> Report {
        let directory = InstanceDirectory(instance: instance)
        let lock = try directory.lock()
        defer { withExtendedLifetime(lock) {} }
        let report = try remove(directory)
        directory.remove()
        return report
    }

    /// The instances that left something, or run.
    public static var instances: [String] { InstanceDirectory.instances }

    /// The network namespace the instance was started in by name.
    public static func networkNamespace(instance: String) -> String? {
        InstanceDirectory(instance: instance).readState()?.netns
    }

    /// The caller has the lock.
    static func remove(_ directory: InstanceDirectory) throws -> Report {
        var report = Report()
        let instance = directory.instance
        let state = directory.readState()
        if let zygote = state?.zygote, zygote.isAlive {
            kill(zygote.pid, SIGKILL)
            report.lines.append("zygote \(zygote.pid)")
        }
        let firstUser = state?.firstUserID ?? UserIDs.first(instance: instance)
        let count = UserIDs.killProcesses(
            firstUser..<firstUser + (state?.slotCount ?? UInt32(Topology.Limit.slots.upperBound)))
        if count > 0 { report.lines.append("\(count) NF process\(count == 1 ? "" : "es")") }
        for tree in state?.controlGroups ?? [] {
            let removed = DomainGroups.remove(tree) { report.lines.append("but not all control groups: \($0)") }
            if removed { report.lines.append("control groups in \(tree.parent)") }
        }
        let pairs = try SlotDevices.removeAll(of: SlotDeviceNames(instance: instance, firstNumber: 0))
        if pairs > 0 { report.lines.append("\(pairs) slot device pair\(pairs == 1 ? "" : "s")") }
        // Programs of slots go with their devices, all in one grace period; then only those of ports are left.
        if try Steering.removeLeftovers(instance: instance) { report.lines.append("eBPF programs, links and maps") }
        for changed in state?.changedFeatures ?? [] {
            // The device may have gone since.
            guard (try? HostPorts().restore(changed)) != nil else { continue }
            report.lines.append("\(changed.turnedOff.joined(separator: ", ")) of \(changed.device) back on")
        }
        if let state { BPFFileSystem.restore(wasMounted: state.bpffsWasMounted) }
        return report
    }
}
