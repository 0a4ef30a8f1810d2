internal import BPF
internal import CBPFTypes
internal import Linux

extension ServiceDefinition {
    /// When the SYN gate is on, and what its SYN,ACK offers: what the stack of the service's NFs would.
    public struct Gate: Equatable, Sendable {
        /// On while fewer NFs are idle than this, at least 1.
        public var idleMark: UInt32
        /// On while as many NFs have a client that did not finish a handshake.
        public var halfOpenMark: UInt32
        /// Stays on while more cookies than this are left unanswered in a second.
        public var unansweredMark: UInt32
        public var offer: Offer

        public struct Offer: Equatable, Sendable {
            public var window: UInt16
            public var windowShift: UInt8
            /// The link's MTU.
            public var mtu: UInt32

            public init(window: UInt16, windowShift: UInt8, mtu: UInt32) {
                self.window = window
                self.windowShift = windowShift
                self.mtu = mtu
            }
        }

        public init(idleMark: UInt32, halfOpenMark: UInt32, unansweredMark: UInt32, offer: Offer) {
            self.idleMark = idleMark
            self.halfOpenMark = halfOpenMark
            self.unansweredMark = unansweredMark
            self.offer = offer
        }
    }
}

/// The SYN gate of a service at one moment.
public struct GateState: Equatable, Sendable {
    public var isOn = false
    /// CLOCK_MONOTONIC_COARSE, in nanoseconds.
    public var onSince: UInt64 = 0
    public var onUntil: UInt64 = 0
    /// Slots that wait for a client, and those whose client did not finish a handshake, as the gate counts them.
    public var idle = 0
    public var halfOpen = 0
    /// Clients that proved their address and came again for want of an NF.
    public var waiting = 0

    public init() {}
}

/// How a port sends answers that XDP_TX would lose.
enum AnswerFilter {
    /// By tcx (Linux 6.6), which touches no qdisc; pinned.
    case link
    case clsact(madeQdisc: Bool)
}

// MARK: Services

extension Steering {
    func setGate(_ service: ServiceDefinition) {
        let index = Int(service.id)
        guard let gate = service.gate, service.isolation != .none else {
            maps.gates[index] = onvm_gate()
            return
        }
        var element = onvm_gate()
        element.idle_mark = max(1, gate.idleMark)
        element.half_open_mark = max(1, gate.halfOpenMark)
        element.unanswered_mark = gate.unansweredMark
        element.is_full = maps.gates[index].is_full
        element.window = gate.offer.window
        element.shift = gate.offer.windowShift
        // RFC 9293 §3.7.1: without the headers of IP and TCP.
        element.segment_size_ipv4 = UInt16(clamping: Int(gate.offer.mtu) - 40)
        element.segment_size_ipv6 = UInt16(clamping: Int(gate.offer.mtu) - 60)
        element.options = UInt8(ONVM_GATE_TIMESTAMPS | ONVM_GATE_SACK)
        maps.gates[index] = element
    }

    /// Whether every NF the service may have has a client, so that no more can be made.
    func setFull(_ isFull: Bool, service: UInt8) {
        let offset = MemoryLayout<onvm_gate>.offset(of: \.is_full)!
        maps.gates.set(isFull ? 1 : 0, Int(service), offset: offset)
    }

    func countIdle(_ change: Int64, service: UInt8) {
        maps.gateState.add(change, Int(service), offset: MemoryLayout<onvm_gate_state>.offset(of: \.idle)!)
    }

    func countHalfOpen(_ change: Int64, service: UInt8) {
        maps.gateState.add(change, Int(service), offset: MemoryLayout<onvm_gate_state>.offset(of: \.half_open)!)
    }

    /// nil: the service has none.
    func gate(service: UInt8, at now: MonotonicTime) -> GateState? {
        guard maps.gates[Int(service)].idle_mark > 0 else { return nil }
        let element = maps.gateState[Int(service)]
        var state = GateState()
        state.isOn = now.nanoseconds < element.on_until
        state.onSince = element.on_since
        state.onUntil = element.on_until
        state.idle = Int(element.idle)
        state.halfOpen = Int(element.half_open)
        state.waiting = max(0, Int(element.waiting))
        return state
    }

    /// Where the SYNs of the latest floods came from: /24 and /48 with their number, most first.
    func gateSources(service: UInt8, limit: Int) -> [(prefix: String, count: UInt64)] {
        let sources = maps.gateSources.keys.filter { $0.service == service }.compactMap { key in
            maps.gateSources.value(for: key).map { (IPAddress(key.prefix), $0) }
        }
        return sources.sorted { $0.1 > $1.1 }.prefix(limit).map { address, count in
            ("\(address)/\(address.isIPv4 ? 24 : 48)", count)
        }
    }

    /// Begins to count anew.
    func forgetGateSources(service: UInt8) {
        for key in maps.gateSources.keys where key.service == service { _ = try? maps.gateSources.remove(key) }
    }

    /// Clients that were put off and never came again are not waited for. An LRU map forgets some by itself.
    func forgetWaitingClients(service: UInt8, at now: MonotonicTime) {
        guard maps.gateState[Int(service)].waiting != 0 else { return }
        var count: Int64 = 0
        for key in maps.waitingClients.keys where key.service == service {
            guard let seen = maps.waitingClients.value(for: key) else { continue }
            if now.nanoseconds > seen && now.nanoseconds - seen > ONVM_GATE_WAITING_LIFE {
                _ = try? maps.waitingClients.remove(key)
            } else {
                count += 1
            }
        }
        let difference = count - maps.gateState[Int(service)].waiting
        let offset = MemoryLayout<onvm_gate_state>.offset(of: \.waiting)!
        if difference != 0 { maps.gateState.add(difference, Int(service), offset: offset) }
    }

    /// What the gate's counts of slots differ from the slots by. Programs move both while this looks.
    func gateDrift(service: UInt8) -> (idle: Int64, halfOpen: Int64) {
        let before = maps.gateState[Int(service)]
        var (idle, halfOpen): (Int64, Int64) = (0, 0)
        for index in 0..<Int(limits.slots) {
            let slot = maps.slots[index]
            guard slot.service == service else { continue }
            let kind = SlotState(word: slot.state).kind
            if kind == Int(ONVM_SLOT_IDLE) { idle += 1 }
            let isWaiting = slot.handshake == ONVM_HANDSHAKE_SYN || slot.handshake == ONVM_HANDSHAKE_ANSWERED
            if kind == Int(ONVM_SLOT_BOUND) && isWaiting { halfOpen += 1 }
        }
        return (before.idle - idle, before.half_open - halfOpen)
    }

    func correctGate(service: UInt8, _ drift: (idle: Int64, halfOpen: Int64)) {
        if drift.idle != 0 { countIdle(-drift.idle, service: service) }
        if drift.halfOpen != 0 { countHalfOpen(-drift.halfOpen, service: service) }
    }
}

// MARK: Ports

extension Steering {
    /// Makes sure that what `steer` answers leaves by the port.
    func prepareAnswers(_ port: PortInterface, _ mode: XDPMode) throws -> AnswerFilter? {
        // In generic mode XDP_TX hands the buffer to the device's transmit function (generic_xdp_tx of net/core/dev.c).
        let needsFilter = mode == .native && port.isVeth
        var flags: UInt32 = 0
        if port.isVirtual { flags |= UInt32(ONVM_PORT_PARTIAL_CHECKSUMS) }
        if needsFilter { flags |= UInt32(ONVM_PORT_ANSWERS_BY_TC) }
        let filter = needsFilter ? try attachAnswers(port) : nil
        try maps.gatePorts.update(port.index, flags)
        return filter
    }

    private func attachAnswers(_ port: PortInterface) throws -> AnswerFilter {
        do {
            let link = try ProgramLink.attachIngress(maps.answer, device: port.index, deviceName: port.name)
            try pins.pin(link.descriptor, as: "answer_\(port.index)")
            return .link
        } catch {
            // Older kernels do not know that way.
            guard error.errno == .invalid else { throw error }
            return try attachAnswersByClsact(port)
        }
    }

    func attachAnswersByClsact(_ port: PortInterface) throws -> AnswerFilter {
        let madeQdisc = try TrafficControl.attachIngress(
            maps.answer, device: port.index, deviceName: port.name, as: .answers)
        // For who has to clean up after this process.
        try pins.pin(maps.answer.descriptor, as: "filter_\(port.index)")
        if madeQdisc { try pins.pin(maps.answer.descriptor, as: "qdisc_\(port.index)") }
        return .clsact(madeQdisc: madeQdisc)
    }

    func detachAnswers(_ filter: AnswerFilter?, device: UInt32) {
        switch filter {
        case .none: return
        case .link:
            if let descriptor = try? pins.open("answer_\(device)") { ProgramLink(opened: descriptor).detach() }
        case .clsact(let madeQdisc):
            TrafficControl.detach(.answers, device: device, removesQdisc: madeQdisc)
        }
        for name in ["answer_\(device)", "filter_\(device)", "qdisc_\(device)"] { pins.unpin(name) }
    }

    static func removeLeftoverAnswers(_ entries: [String]) {
        for entry in entries where entry.hasPrefix("filter_") {
            guard let device = UInt32(entry.dropFirst("filter_".count)) else { continue }
            TrafficControl.detach(.answers, device: device, removesQdisc: entries.contains("qdisc_\(device)"))
        }
    }
}
