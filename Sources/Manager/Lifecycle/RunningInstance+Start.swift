import CLinux
import Foundation
import Handover
import Linux
import Logging

/// The way up. Each step leaves `restore` able to undo it.
extension RunningInstance {
    func start() throws {
        try removeLeftovers()
        try watchSignals()
        let topology = options.topology
        if let warning = DescriptorLimit.raise(for: topology.slotCount) { log.warning("\(warning)") }
        for port in topology.ports { ports.append(try hostPorts.port(named: port.device)) }
        let features = try KernelFeatures.probe()
        guard features.xdpSockets else { throw HostError("this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS)") }
        guard features.typeInformation else {
            throw HostError("this kernel does not describe its types, /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)")
        }
        state.ports = ports.map(\.link.name)
        let claim = try UserAllocator.host.allocate(for: topology.instance)
        state.users = claim.users
        try directory.write(state)

        let steering = try Steering(
            instance: topology.instance,
            limits: SteeringLimits(slots: UInt32(topology.slotCount), bindings: UInt32(topology.bindingCount)))
        self.steering = steering
        // NFs may outlive a manager that crashes; their users are then still taken.
        try steering.keep(claim.mark.rawValue, as: "users")
        for conflict in HostListeners.conflicts(with: topology) { log.warning("\(conflict)") }
        try attachPorts(steering)
        try watchLinks()
        try steering.setAddresses(try hostPorts.addresses())
        for service in topology.services { try steering.define(service.definition(mtu: mtu)) }
        try loop.watch(steering.eventDescriptor) { [unowned self] _ in readSteering() }

        try makeSlots(steering, features, claim.users)
        server = try ControlServer(path: directory.socketPath, loop: loop, log: log) { [unowned self] in answer($0) }
    }

    /// Of the slots' devices: what the widest port takes.
    private var mtu: UInt32 { ports.map(\.link.mtu).max() ?? 1500 }

    private func removeLeftovers() throws {
        let report = try Leftovers.remove(directory, netns: nil, current: options.netns, marked: true)
        for warning in report.warnings { log.warning("\(warning)") }
        guard !report.isEmpty else { return }
        log.warning("removed what a manager that died left: \(report.lines.joined(separator: "; "))")
        state.bpffsWasMounted = BPFFileSystem.isMounted
    }

    private func attachPorts(_ steering: Steering) throws {
        for index in ports.indices {
            let port = ports[index]
            let mode = try steering.attach(port: port.interface)
            ports[index].mode = mode
            guard mode == .generic else { continue }
            log.warning(
                "\(port.link.name): driver \(port.driver) has no native XDP: it runs in the network stack (generic)"
            )
            let changed = try hostPorts.disableAggregation(of: port.link.name)
            guard !changed.turnedOff.isEmpty else { continue }
            state.changedFeatures.append(changed)
            try directory.write(state)
            log.notice("\(port.link.name): \(changed.turnedOff.joined(separator: ", ")) off until the manager stops")
        }
    }

    private func makeSlots(_ steering: Steering, _ features: KernelFeatures, _ users: UserRange) throws {
        if !features.tap, options.topology.services.contains(where: { $0.transmit == .tap }) {
            log.warning(
                "there is no /dev/net/tun (modprobe tun): NFs send packet by packet, at a fraction of the speed")
        }
        let names = SlotDeviceNames.free(
            instance: options.topology.instance, users: users, among: try hostPorts.links())
        let devices = try SlotDevices(names: names, settings: SlotDeviceSettings(mtu: mtu, hasTap: features.tap), log: log)
        try steering.setRouteDevice(index: try devices.createRouteDevice(slot: UInt32(options.topology.slotCount)))
        var granted: Grant.Features = []
        if ports.contains(where: \.isVirtual) { granted.insert(.virtualPort) }
        if features.multiBuffer { granted.insert(.multiBuffer) }
        if features.transmitMetadata { granted.insert(.checksumOffload) }
        let logs = try LogSinks(
            executable: ZygoteProcess.executable(override: nil), userID: users.logWriter, loop: loop, log: log)
        self.logs = logs
        let launcher = ZygoteLauncher(
            executable: ZygoteProcess.executable(override: options.zygoteExecutable),
            settings: LaunchSettings(firstUserID: users.first, mtu: mtu, features: granted), logs: logs, loop: loop,
            log: log)
        self.launcher = launcher
        launcher.groups = try makeGroups()
        for service in options.topology.services { try launcher.open(filesOf: service) }
        slots = SlotTable(
            services: options.topology.services, steering: steering, launcher: launcher, devices: devices, log: log)
        launcher.slots = slots
        launcher.onZygoteStart = { [unowned self] in remember(zygote: $0) }
        try launcher.startZygote()
    }

    private func watchLinks() throws {
        linkMonitor = try NetlinkLinkMonitor()
        guard let descriptor = linkMonitor?.descriptor.rawValue else { return }
        try loop.watch(descriptor) { [unowned self] _ in readLinks() }
    }

    private func readLinks() {
        let events = linkMonitor?.events() ?? []
        // A stopping manager removes its devices itself.
        for event in events where !isDraining {
            switch event {
            case .removed(let index): linkRemoved(index)
            case .filterRemoved(let index): slots.egressRemoved(index: index, at: .now)
            case .addressesChanged: readAddresses()
            case .lost:
                compareLinks()
                readAddresses()
            }
        }
    }

    /// Wildcard endpoints follow the host's addresses as they come and go.
    private func readAddresses() {
        do {
            try steering?.setAddresses(try hostPorts.addresses())
        } catch {
            log.error("cannot follow the host's addresses: \(error)")
        }
    }

    private func linkRemoved(_ index: UInt32) {
        slots.deviceRemoved(index: index, at: .now)
        guard let port = ports.first(where: { $0.link.index == index }) else { return }
        log.error(
            "\(port.link.name) was removed: nobody can come by it any more. Restart onvm when there is one again")
    }

    private func compareLinks() {
        guard let present = try? hostPorts.links() else { return }
        let indices = Set(present.map(\.index))
        let ours = slots.slots.compactMap(\.device).flatMap(\.indices) + ports.map(\.link.index)
        for index in ours where !indices.contains(index) { linkRemoved(index) }
    }

    /// For `cleanup`, should this manager be killed.
    private func remember(zygote pid: pid_t) {
        if let users = state.users {
            state.zygotes = OrphanedFunctions(zygotes: state.zygotes, users: users).zygotesInUse
        }
        if let zygote = ProcessIdentity(pid: pid) { state.zygotes.append(zygote) }
        do {
            try directory.write(state)
        } catch {
            log.error("cannot write \(directory.path)/state.json: \(error)")
        }
    }

    private func readSteering() {
        let now = MonotonicTime.now
        // Whoever makes events faster than they are handled waits for the next turn.
        steering?.drainEvents(limit: 256) { slots.handle($0, at: now) }
    }
}
