/// Everything that touches eBPF: programs, maps, links and their pins under `/sys/fs/bpf/onvm/<instance>/`.
///
/// Synchronous and not thread-safe: the manager's one loop calls it. The thread must be in the ports' network namespace.
/// Nothing here lies in a packet's path, and nothing stops when the manager dies: all is pinned.
///
/// The life of a slot: `admit` → `offer` → (bound in the kernel) → `unbind` → `retire` → `admit` again, or `detach`.
public final class Steering {
    /// Loads the programs and creates and pins the maps. Fails if the instance has pins already.
    public init(instance: String, limits: SteeringLimits) throws { fatalError() }

    /// Puts `steer` on the port; never replaces a program that is there. Falls back to generic mode.
    public func attach(port: PortInterface) throws -> XDPMode { fatalError() }
    /// Takes `steer` off the port.
    public func detach(portNamed name: String) throws {}

    /// Adds or changes a service. Endpoints that are not in the definition any more are removed.
    public func define(_ service: ServiceDefinition) throws {}
    /// Removes a service; its traffic goes to the kernel's stack. Unbind its slots first.
    public func remove(service: UInt8) throws {}
    /// Makes `steer` drop new clients of the service (backpressure), or not any more.
    public func setOverloaded(_ overloaded: Bool, service: UInt8) {}
    /// The slots that take new clients when none is idle (overflow share), spread by consistent hashing.
    public func setShareTable(service: UInt8, slots: [UInt32]) throws {}

    /// Connects a slot: devices, socket, policy. It gets no frame before `offer`.
    public func admit(_ slot: SlotAttachment) throws {}
    /// From now on the slot can get a client (or is the service's only slot, isolation none).
    public func offer(slot: UInt32, service: UInt8) throws {}
    /// The first step of any teardown: no frame reaches the slot any more, its clients are free to be bound anew.
    public func unbind(slot: UInt32) throws {}
    /// After `unbind`: the socket and the device leave the maps. `deliver` and `egress` stay on the devices and drop all.
    public func retire(slot: UInt32) throws {}
    /// After `retire`, when the devices go away or have gone: takes the programs off. `admit` with other devices implies it.
    public func detach(slot: UInt32) throws {}

    public func setFlow(_ flow: FlowKey, _ verdict: FlowVerdict) throws {}
    public func removeFlow(_ flow: FlowKey) throws -> Bool { fatalError() }

    /// Readable when `drainEvents` has something (poll(2)).
    public var eventDescriptor: CInt { fatalError() }
    public func drainEvents(_ body: (SteeringEvent) -> Void) {}

    public func binding(of slot: UInt32) -> SlotBinding? { nil }
    public func idleCount(service: UInt8) -> Int { 0 }
    /// Every counter, by name, summed over CPUs, in the order of `onvm_counters.h`.
    public func counters() throws -> [(name: String, value: UInt64)] { [] }
    public func slotCounters(_ slot: UInt32) throws -> [(name: String, value: UInt64)] { [] }
    public func serviceCounters(_ service: UInt8) throws -> [(name: String, value: UInt64)] { [] }

    /// Detaches and unpins everything, and removes the instance's directory.
    public func tearDown() throws {}
    /// Removes what a manager that died left pinned. Returns whether there was anything.
    public static func removeLeftovers(instance: String) throws -> Bool { false }
}
