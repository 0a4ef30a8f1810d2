import Foundation
import Linux
import Logging

/// The way down: the host as it was, whatever of `start` had been done.
extension RunningInstance {
    func restore() {
        server?.close()
        launcher?.stopZygote()
        for port in ports where port.mode != nil {
            attempt("take the program off \(port.link.name)") { try steering?.detach(portNamed: port.link.name) }
        }
        if let users = state.users {
            let count = OrphanedFunctions(zygotes: state.zygotes, users: users).end()
            if count > 0 { log.warning("\(count) NF processes had to be killed") }
        }
        groups?.remove { log.error("cannot remove control groups: \($0)") }
        let names = SlotDeviceNames(instance: options.topology.instance, users: state.users, firstNumber: 0)
        // Programs go with their devices, all in one grace period; taken off one by one each would wait for its own.
        attempt("remove the slots' devices") { try SlotDevices.removeAll(of: names) }
        attempt("remove programs and maps") { try steering?.tearDown() }
        for changed in state.changedFeatures {
            attempt("restore the offloads of \(changed.device)") { try hostPorts.restore(changed) }
        }
        let wasRunning = slots != nil
        // They hold bpffs open.
        (steering, slots, launcher, server) = (nil, nil, nil, nil)
        logs?.stop()
        BPFFileSystem.restore(wasMounted: state.bpffsWasMounted)
        directory.remove(holding: lock)
        if wasRunning { log.notice("instance \(options.topology.instance) stopped; the host is as it was") }
    }

    /// One step that fails must not keep the others from being done.
    private func attempt<Result>(_ what: String, _ step: () throws -> Result) {
        do {
            _ = try step()
        } catch {
            log.error("cannot \(what): \(error)")
        }
    }
}
