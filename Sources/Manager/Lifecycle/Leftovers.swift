import ControlAPI
import Foundation
import Linux
import Logging

/// What a manager leaves on the host when it dies without a chance to restore it.
public enum Leftovers {
    /// What was found and removed, in words, and what could not be.
    public struct Report: Sendable {
        public var lines: [String] = []
        public var warnings: [String] = []
        public var isEmpty: Bool { lines.isEmpty }
    }

    /// Removes everything of an instance whose manager is gone. NFs that still served end.
    /// - Parameter netns: The network namespace to look in; nil: the one the instance was started in.
    /// - Throws: `AlreadyRunning` when its manager lives.
    public static func remove(instance: String, netns: String? = nil) throws -> Report {
        let directory = try InstanceDirectory(instance: instance)
        let lock = try directory.lock()
        do {
            let report = try remove(directory, netns: netns, current: nil)
            directory.remove(holding: lock)
            return report
        } catch {
            directory.abandon(holding: lock)
            throw error
        }
    }

    /// The instances that left something, or run.
    public static var instances: [String] { InstanceDirectory.instances }

    /// The caller has the lock.
    /// - Parameters:
    ///   - netns: The network namespace to look in; nil: the one that the last manager noted.
    ///   - current: The name of the one that the calling thread is in, if it has one.
    ///   - marked: Whether the caller has the instance's mark in the network namespace it is in.
    static func remove(
        _ directory: InstanceDirectory, netns: String?, current: String?, marked: Bool = false
    ) throws -> Report {
        guard try !Steering.isInUse(instance: directory.instance) else {
            throw AlreadyRunning(instance: directory.instance, pid: nil)
        }
        var report = Report()
        var state: InstanceState?
        do {
            state = try directory.readState()
        } catch {
            report.warnings.append(
                "\(error). NFs that still run and settings of its ports are left as they are; devices in a network "
                    + "namespace that it does not tell are found with --netns")
        }
        if let state { endProcesses(state, &report) }
        let place = netns ?? directory.notedNetworkNamespace
        if let place, place != current {
            // One that was asked for by name has to be there.
            if netns != nil || NetworkNamespace.exists(place) {
                try NetworkNamespace.within(named: place) {
                    let mark = try InstanceMark.take(directory.instance)
                    defer { withExtendedLifetime(mark) {} }
                    try removeDevices(directory.instance, state, &report)
                }
            } else {
                report.warnings.append("network namespace \(place) is gone, and its devices with it")
            }
        } else {
            let mark = marked ? nil : try InstanceMark.take(directory.instance)
            defer { withExtendedLifetime(mark) {} }
            try removeDevices(directory.instance, state, &report)
        }
        // Programs of slots go with their devices, all in one grace period; then only those of ports are left.
        if try Steering.removeLeftovers(instance: directory.instance) {
            report.lines.append("eBPF programs, links and maps")
        }
        if let state { BPFFileSystem.restore(wasMounted: state.bpffsWasMounted) }
        return report
    }

    private static func endProcesses(_ state: InstanceState, _ report: inout Report) {
        for zygote in state.zygotes where zygote.kill() { report.lines.append("zygote \(zygote.pid)") }
        if let users = state.users {
            let count = OrphanedFunctions(zygotes: state.zygotes, users: users).end()
            if count > 0 { report.lines.append("\(count) NF process\(count == 1 ? "" : "es")") }
        }
        for tree in state.controlGroups ?? [] {
            let removed = DomainGroups.remove(tree) { report.lines.append("but not all control groups: \($0)") }
            if removed { report.lines.append("control groups in \(tree.parent)") }
        }
    }

    /// What is in the network namespace of the instance.
    private static func removeDevices(_ instance: String, _ state: InstanceState?, _ report: inout Report) throws {
        let pairs = try SlotDevices.removeAll(of: SlotDeviceNames(instance: instance, users: state?.users, firstNumber: 0))
        if pairs > 0 { report.lines.append("\(pairs) slot device pair\(pairs == 1 ? "" : "s")") }
        for changed in state?.changedFeatures ?? [] {
            // The device may have gone since.
            guard (try? HostPorts().restore(changed)) != nil else { continue }
            report.lines.append("\(changed.turnedOff.joined(separator: ", ")) of \(changed.device) back on")
        }
    }
}
