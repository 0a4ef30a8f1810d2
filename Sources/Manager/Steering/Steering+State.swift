internal import BPF
internal import CBPFTypes
internal import Linux

/// What goes on, for the manager and for `onvm status`.
extension Steering {
    /// Readable when `drainEvents` has something (poll(2)).
    public var eventDescriptor: CInt { maps.events.descriptor.rawValue }

    /// Takes events that are there, `limit` at most. Those about a client that the slot does not have any more are left
    /// out.
    public func drainEvents(limit: Int = .max, _ body: (SteeringEvent) -> Void) {
        maps.events.drain(limit: limit) { event in
            let isCurrent =
                event.slot < limits.slots
                && SlotState(word: maps.slots[Int(event.slot)].state).generation == event.generation
            switch Int(event.kind) {
            case Int(ONVM_EVENT_IDLE_EMPTY):
                body(.idleEmpty(service: event.service))
            case Int(ONVM_EVENT_GATE):
                body(.gateOn(service: event.service))
            case Int(ONVM_EVENT_VIOLATION):
                unsafe body(.violation(slot: event.slot, cause: Self.name(onvm_counter_name, event.cause)))
            case Int(ONVM_EVENT_BOUND) where isCurrent:
                body(
                    .bound(
                        slot: event.slot, service: event.service, client: IPAddress(event.client),
                        clientPort: UInt16(bigEndian: event.client_port), shared: event.shared != 0))
            case Int(ONVM_EVENT_CONFIRMED) where isCurrent:
                body(.confirmed(slot: event.slot, service: event.service))
            default:
                break
            }
        }
    }

    /// Whom the slot serves; nil when it waits for a client, has none, or serves all (isolation none).
    public func binding(of slot: UInt32) -> SlotBinding? {
        guard slot < limits.slots else { return nil }
        let element = maps.slots[Int(slot)]
        guard SlotState(word: element.state).kind == Int(ONVM_SLOT_BOUND) else { return nil }
        return SlotBinding(
            client: IPAddress(element.client), clientPort: UInt16(bigEndian: element.client_port),
            local: IPAddress(element.local), localPort: UInt16(bigEndian: element.local_port),
            isConfirmed: Int(element.handshake) == Int(ONVM_HANDSHAKE_CONFIRMED), isShared: element.guests != 0,
            boundAt: element.bound_at, lastSeen: element.last_seen)
    }

    /// How many slots of the service wait for a client.
    public func idleCount(service: UInt8) -> Int {
        (0..<Int(limits.slots)).count { index in
            let element = maps.slots[index]
            return element.service == service && SlotState(word: element.state).kind == Int(ONVM_SLOT_IDLE)
        }
    }

    /// Every counter, by name, summed over CPUs, in the order of `onvm_counters.h`.
    public func counters() throws -> [(name: String, value: UInt64)] {
        try (0..<UInt32(ONVM_COUNTER_COUNT)).map { index in
            unsafe (Self.name(onvm_counter_name, index), try maps.counters.sums(of: index)[0])
        }
    }

    /// The counters of one slot since it was admitted.
    public func slotCounters(_ slot: UInt32) throws -> [(name: String, value: UInt64)] {
        try maps.slotCounters.sums(of: slot).enumerated().map { index, value in
            unsafe (Self.name(onvm_slot_counter_name, UInt32(index)), value)
        }
    }

    /// The counters of one service.
    public func serviceCounters(_ service: UInt8) throws -> [(name: String, value: UInt64)] {
        try maps.serviceCounters.sums(of: UInt32(service)).enumerated().map { index, value in
            unsafe (Self.name(onvm_service_counter_name, UInt32(index)), value)
        }
    }

    private static func name(_ table: (UInt32) -> UnsafePointer<CChar>?, _ index: UInt32) -> String {
        guard let text = unsafe table(index) else { return "counter_\(index)" }
        return unsafe String(cString: text)
    }
}
