internal import BPF
internal import CBPFTypes

/// The programs on a slot's devices.
final class SlotLinks {
    let hostIndex: UInt32
    let nfIndex: UInt32
    let tapIndex: UInt32?
    let deliver: ProgramLink
    /// On the host end and on the TAP; nil by clsact: the filter then lives with the device.
    let egress: ProgramLink?
    let tapEgress: ProgramLink?

    init(
        _ slot: SlotAttachment, deliver: consuming ProgramLink, egress: consuming ProgramLink?,
        tapEgress: consuming ProgramLink?
    ) {
        hostIndex = slot.hostIndex
        nfIndex = slot.nfIndex
        tapIndex = slot.tapIndex
        self.deliver = deliver
        self.egress = egress
        self.tapEgress = tapEgress
    }

    func areOn(_ slot: SlotAttachment) -> Bool {
        hostIndex == slot.hostIndex && nfIndex == slot.nfIndex && tapIndex == slot.tapIndex
    }

    var indices: [UInt32] { [hostIndex, nfIndex] + (tapIndex.map { [$0] } ?? []) }
}

extension Steering {
    /// Connects a slot: devices, socket, policy. It gets no frame before `offer`.
    public func admit(_ slot: SlotAttachment) throws {
        let state = try state(of: slot.slot)
        guard state.kind == Int(ONVM_SLOT_EMPTY) else { throw SteeringError.slotInUse(slot.slot) }
        guard let definition = definitions[slot.service] else { throw SteeringError.unknownService(slot.service) }
        leaveHalfOpen(slot.slot)
        leaveServed(slot.slot)
        var element = onvm_slot()
        element.state = SlotState(generation: state.generation &+ 1, kind: Int(ONVM_SLOT_PREPARED)).word
        element.service = slot.service
        element.isolation = onvm_service(definition, soleSlot: 0).isolation
        element.host_device = slot.hostIndex
        element.nf_device = slot.nfIndex
        element.rate = slot.rate?.bytesPerSecond ?? 0
        element.burst = slot.rate?.burstBytes ?? 0
        element.tokens = Int64(clamping: element.burst)
        maps.slots[Int(slot.slot)] = element
        do {
            try maps.slotCounters.reset(slot.slot)
            try maps.exchanges.update(slot.slot, onvm_exchanges())
            try connect(slot)
        } catch {
            try? unbind(slot: slot.slot)
            try? retire(slot: slot.slot)
            try? detach(slot: slot.slot)
            throw error
        }
    }

    /// Attaches the programs to the devices of an empty slot. They drop all until the slot is offered, so a device that is
    /// policed before it comes up never passes a frame of its NF to the host.
    public func police(_ slot: SlotAttachment) throws {
        guard try state(of: slot.slot).kind == Int(ONVM_SLOT_EMPTY) else { throw SteeringError.slotInUse(slot.slot) }
        guard slotLinks[slot.slot]?.areOn(slot) != true else { return }
        try detach(slot: slot.slot)
        try attach(slot)
    }

    private func connect(_ slot: SlotAttachment) throws {
        if slotLinks[slot.slot]?.areOn(slot) != true {
            try detach(slot: slot.slot)
            try attach(slot)
        }
        try maps.hosts.update(slot.slot, slot.hostIndex)
        if let socket = slot.socket { try maps.sockets.update(slot.slot, UInt32(bitPattern: socket)) }
    }

    private func attach(_ slot: SlotAttachment) throws {
        do {
            try attachPrograms(slot)
        } catch {
            unpin(slot: slot.slot)
            for device in [slot.hostIndex, slot.nfIndex] + (slot.tapIndex.map { [$0] } ?? []) {
                _ = try? maps.slotDevices.remove(device)
            }
            throw error
        }
    }

    private func unpin(slot: UInt32) {
        for name in ["deliver_\(slot)", "egress_\(slot)", "egress_tap_\(slot)"] { pins.unpin(name) }
    }

    private func attachPrograms(_ slot: SlotAttachment) throws {
        try maps.slotDevices.update(slot.hostIndex, slot.slot)
        try maps.slotDevices.update(slot.nfIndex, slot.slot)
        // Police first: from the moment deliver runs, the NF's end is open for traffic.
        let egress = try attachEgress(
            device: slot.hostIndex, named: "the host end of slot \(slot.slot)", pin: "egress_\(slot.slot)")
        let tapEgress: ProgramLink?
        do {
            tapEgress = try attachTapEgress(slot)
        } catch {
            detach(egress, device: slot.hostIndex)
            throw error
        }
        do {
            let deliver = try ProgramLink.attachXDP(
                maps.deliver, device: slot.nfIndex, deviceName: "the NF end of slot \(slot.slot)", flags: .native)
            try pins.pin(deliver.descriptor, as: "deliver_\(slot.slot)")
            slotLinks[slot.slot] = SlotLinks(slot, deliver: deliver, egress: egress, tapEgress: tapEgress)
        } catch {
            detach(egress, device: slot.hostIndex)
            if let tap = slot.tapIndex { detach(tapEgress, device: tap) }
            throw error
        }
    }

    private func attachTapEgress(_ slot: SlotAttachment) throws -> ProgramLink? {
        guard let tap = slot.tapIndex else { return nil }
        try maps.slotDevices.update(tap, slot.slot)
        return try attachEgress(
            device: tap, named: "the TAP of slot \(slot.slot)", pin: "egress_tap_\(slot.slot)")
    }

    /// At once: a link that was pinned would live on until the kernel frees the pin's inode.
    private func detach(_ egress: borrowing ProgramLink?, device: UInt32) {
        switch egress {
        case .some(let link): link.detach()
        case .none: TrafficControl.detachIngress(device: device)
        }
    }

    /// By clsact, or where the kernel has no such classifier by tcx (Linux 6.6), pinned. To attach by tcx waits for an RCU
    /// grace period with the RTNL held (tcx_entry_sync of include/net/tcx.h), 14 ms and more, and a slot has two devices.
    private func attachEgress(device: UInt32, named name: String, pin: String) throws -> ProgramLink? {
        do {
            try TrafficControl.attachIngress(maps.egress, device: device, deviceName: name)
            return nil
        } catch {
            guard error.meansNoClassifier else { throw error }
            let link = try ProgramLink.attachIngress(maps.egress, device: device, deviceName: name)
            try pins.pin(link.descriptor, as: pin)
            return link
        }
    }

    /// From now on the slot can get a client (or is the service's only slot, isolation none).
    public func offer(slot: UInt32, service: UInt8) throws {
        guard let definition = definitions[service], let queue = idleQueues[service] else {
            throw SteeringError.unknownService(service)
        }
        let state = try state(of: slot)
        let isSole = definition.isolation == .none
        let offered = SlotState(
            generation: state.generation, kind: Int(isSole ? ONVM_SLOT_SOLE : ONVM_SLOT_IDLE))
        guard state.kind == Int(ONVM_SLOT_PREPARED), maps.slots[Int(slot)].service == service,
            maps.slots.exchange(Int(slot), offset: Self.stateOffset, expected: state.word, desired: offered.word)
        else { throw SteeringError.slotNotReady(slot) }
        if isSole {
            try maps.services.update(UInt32(service), onvm_service(definition, soleSlot: slot + 1))
        } else {
            countIdle(1, service: service)
            try queue.queue.push(onvm_idle_slot(slot: slot, generation: state.generation))
        }
    }

    /// The first step of any teardown: no frame reaches the slot any more, its clients are free to be bound anew.
    public func unbind(slot: UInt32) throws {
        var state = try state(of: slot)
        guard state.kind != Int(ONVM_SLOT_EMPTY) else { return }
        // The new generation makes every binding to the slot and its entry in the idle queue void, at once.
        while !maps.slots.exchange(
            Int(slot), offset: Self.stateOffset, expected: state.word,
            desired: SlotState(generation: state.generation &+ 1, kind: Int(ONVM_SLOT_PREPARED)).word)
        {
            state = try self.state(of: slot)
        }
        let element = maps.slots[Int(slot)]
        if state.kind == Int(ONVM_SLOT_SOLE), let definition = definitions[element.service],
            maps.services.value(for: UInt32(element.service))?.sole_slot == slot + 1
        {
            try maps.services.update(UInt32(element.service), onvm_service(definition, soleSlot: 0))
        }
        // Clients of any VLAN may fill the table in time: what the slot had goes with it.
        if state.kind == Int(ONVM_SLOT_SOLE) {
            for key in maps.slotVLANs.keys where key.slot == slot { try maps.slotVLANs.remove(key) }
        }
        if state.kind == Int(ONVM_SLOT_IDLE) { countIdle(-1, service: element.service) }
        if state.kind == Int(ONVM_SLOT_IDLE) { try idleQueues[element.service]?.removeStale(maps.slots) }
        if state.kind == Int(ONVM_SLOT_BOUND) { try removeBinding(of: slot, element, generation: state.generation) }
        if element.guests > 0 { try removeGuests { $0.slot == slot } }
        leaveHalfOpen(slot)
        leaveServed(slot)
    }

    /// Saves the table's space; the generation has made the entry void already.
    private func removeBinding(of slot: UInt32, _ element: onvm_slot, generation: UInt32) throws {
        guard let key = bindingKey(element), let binding = maps.bindings.value(for: key) else { return }
        guard binding.slot == slot && binding.generation == generation else { return }
        try maps.bindings.remove(key)
    }

    private func bindingKey(_ element: onvm_slot) -> onvm_binding_key? {
        guard let service = maps.services.value(for: UInt32(element.service)) else { return nil }
        var key = onvm_binding_key()
        key.service = element.service
        key.client = element.client
        if Int(element.isolation) == Int(ONVM_ISOLATION_CONNECTION) {
            key.local = element.local
            key.client_port = element.client_port
            key.local_port = element.local_port
            key.protocol = element.protocol
        } else if !IPAddress(element.client).isIPv4 {
            key.client.high &= service.ipv6_mask_high
            key.client.low &= service.ipv6_mask_low
        }
        return key
    }

    /// Whoever moves the handshake away from "waiting" takes the slot out of its prefix's count: here or in `steer`.
    private func leaveHalfOpen(_ slot: UInt32) {
        let offset = Self.handshakeOffset
        for waiting in [ONVM_HANDSHAKE_SYN, ONVM_HANDSHAKE_ANSWERED] {
            let left = maps.slots.exchange(
                Int(slot), offset: offset, expected: UInt32(waiting), desired: UInt32(ONVM_HANDSHAKE_NONE))
            guard left else { continue }
            maps.halfOpen.decrement(Int(maps.slots[Int(slot)].half_open_bucket))
            countHalfOpen(-1, service: maps.slots[Int(slot)].service)
        }
    }

    /// The same for the counts of clients by prefix and by address.
    private func leaveServed(_ slot: UInt32) {
        let offset = MemoryLayout<onvm_slot>.offset(of: \.is_counted) ?? 0
        guard maps.slots.exchange(Int(slot), offset: offset, expected: 1 as UInt32, desired: 0) else { return }
        let element = maps.slots[Int(slot)]
        for bucket in [element.prefix_bucket, element.address_bucket] where bucket < UInt32(ONVM_SOURCE_BUCKETS) {
            maps.served.decrement(Int(bucket))
        }
    }

    /// After `unbind`: the socket and the device leave the maps. `deliver` and `egress` stay on the devices and drop all.
    public func retire(slot: UInt32) throws {
        let state = try state(of: slot)
        guard state.kind != Int(ONVM_SLOT_EMPTY) else { return }
        guard state.kind == Int(ONVM_SLOT_PREPARED) else { throw SteeringError.slotInUse(slot) }
        try maps.hosts.remove(slot)
        // The kernel removes a socket that was closed by itself (xsk_delete_from_maps).
        try maps.sockets.remove(slot)
        let empty = SlotState(generation: state.generation, kind: Int(ONVM_SLOT_EMPTY))
        _ = maps.slots.exchange(Int(slot), offset: Self.stateOffset, expected: state.word, desired: empty.word)
    }

    /// After `retire`, when the devices go away or have gone: takes the programs off. `admit` with other devices implies it.
    public func detach(slot: UInt32) throws {
        let element = maps.slots[Int(slot)]
        guard let links = slotLinks.removeValue(forKey: slot) else {
            for device in [element.host_device, element.nf_device] where maps.slotDevices.value(for: device) == slot {
                try maps.slotDevices.remove(device)
            }
            return
        }
        links.deliver.detach()
        detach(links.egress, device: links.hostIndex)
        if let tap = links.tapIndex { detach(links.tapEgress, device: tap) }
        unpin(slot: slot)
        for device in links.indices { try maps.slotDevices.remove(device) }
    }

    func state(of slot: UInt32) throws -> SlotState {
        guard slot < limits.slots else { throw SteeringError.unknownSlot(slot) }
        return SlotState(word: maps.slots[Int(slot)].state)
    }

    private static var stateOffset: Int { MemoryLayout<onvm_slot>.offset(of: \.state) ?? 0 }
    private static var handshakeOffset: Int { MemoryLayout<onvm_slot>.offset(of: \.handshake) ?? 0 }
}
