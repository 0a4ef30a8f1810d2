internal import BPF
internal import CBPFTypes
internal import Linux

/// Everything that touches eBPF: programs, maps, links and their pins under `/sys/fs/bpf/onvm/<instance>/`.
///
/// Synchronous and not thread-safe: the manager's one loop calls it. The thread must be in the ports' network namespace.
/// Nothing here lies in a packet's path, and nothing stops when the manager dies: all is pinned.
///
/// The life of a slot: `admit` → `offer` → (bound in the kernel) → `unbind` → `retire` → `admit` again, or `detach`.
public final class Steering {
    public let instance: String
    public let limits: SteeringLimits
    /// Why a port runs in generic mode: what its driver said, by port name.
    public private(set) var nativeRefusals: [String: String] = [:]

    let maps: SteeringMaps
    let pins: PinDirectory
    var definitions: [UInt8: ServiceDefinition] = [:]
    var idleQueues: [UInt8: IdleQueue] = [:]
    var shareTables: [UInt8: ShareTableMap] = [:]
    var slotLinks: [UInt32: SlotLinks] = [:]
    private var ports: [String: AttachedPort] = [:]

    /// An attached port and its link, which is pinned, too.
    private final class AttachedPort {
        let interface: PortInterface
        let link: ProgramLink
        let answers: AnswerFilter?

        init(_ interface: PortInterface, link: consuming ProgramLink, answers: AnswerFilter?) {
            self.interface = interface
            self.link = link
            self.answers = answers
        }
    }

    /// Loads the programs and creates and pins the maps. Fails if the instance has pins already.
    public init(instance: String, limits: SteeringLimits = SteeringLimits()) throws {
        try Self.check(instance)
        let pins: PinDirectory
        do {
            pins = try PinDirectory.create(instance)
        } catch {
            guard error.isExists else { throw error }
            throw SteeringError.instanceExists(instance)
        }
        do {
            maps = try SteeringMaps(limits: limits, pins: pins)
            var settings = onvm_settings()
            settings.hash_seed = UInt32.random(in: 1...UInt32.max)
            try maps.settings.update(0, settings)
            try maps.gateSecret.update(
                0, onvm_cookie_secret(words: (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))))
        } catch {
            try? pins.removeAll()
            throw error
        }
        self.pins = pins
        self.instance = instance
        self.limits = limits
    }

    /// bpffs refuses dots, and a slash would leave the directory.
    private static func check(_ instance: String) throws {
        let isValid = instance.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x2D || byte == 0x5F
        }
        guard isValid && !instance.isEmpty && instance.utf8.count <= 64 else {
            throw SteeringError.badInstanceName(instance)
        }
    }

    /// Puts `steer` on the port; never replaces a program that is there. Falls back to generic mode.
    public func attach(port: PortInterface) throws -> XDPMode {
        guard ports[port.name] == nil else { throw SteeringError.alreadyAttached(port: port.name) }
        if let foreign = try AttachedXDP.query(device: port.index, deviceName: port.name) {
            throw SteeringError.foreignProgram(
                port: port.name, name: foreign.programName, id: foreign.programID, isNative: foreign.isNative)
        }
        var mode = XDPMode.native
        let link: ProgramLink
        do {
            link = try ProgramLink.attachXDP(maps.steer, device: port.index, deviceName: port.name, flags: .native)
        } catch {
            guard error.meansNoNativeXDP else { throw error }
            link = try ProgramLink.attachXDP(maps.steer, device: port.index, deviceName: port.name, flags: .generic)
            mode = .generic
            nativeRefusals[port.name] = error.kernelMessage ?? error.errno.description
        }
        try pins.pin(link.descriptor, as: "port_\(port.index)")
        try maps.ports.update(port.index, onvm_mac(port.mac))
        try maps.portMACs.update(onvm_mac(port.mac), port.index)
        ports[port.name] = AttachedPort(port, link: link, answers: try prepareAnswers(port, mode))
        return mode
    }

    /// Takes `steer` off the port.
    public func detach(portNamed name: String) throws {
        guard let port = ports.removeValue(forKey: name) else { return }
        port.link.detach()
        pins.unpin("port_\(port.interface.index)")
        detachAnswers(port.answers, device: port.interface.index)
        try maps.gatePorts.remove(port.interface.index)
        try maps.ports.remove(port.interface.index)
        try maps.portMACs.remove(onvm_mac(port.interface.mac))
        nativeRefusals[name] = nil
    }

    /// Detaches and unpins everything, and removes the instance's directory. The object is of no use afterwards.
    public func tearDown() throws {
        for name in Array(ports.keys) { try detach(portNamed: name) }
        for slot in Array(slotLinks.keys) { try detach(slot: slot) }
        try pins.removeAll()
    }

    /// Pins an object of the manager with the others, so that it outlives a crash as they do.
    func keep(_ descriptor: CInt, as name: String) throws { try pins.pin(descriptor, as: "map_\(name)") }

    /// Whether a process has the instance's programs and maps, in whatever mount namespace it lives.
    static func isInUse(instance: String) throws -> Bool {
        try check(instance)
        do {
            _ = try PinDirectory.open(instance)
            return false
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            return true
        }
    }

    /// Removes what a manager that died left pinned. Returns whether there was anything.
    /// - Throws: When the manager lives.
    public static func removeLeftovers(instance: String) throws -> Bool {
        try check(instance)
        guard let pins = try PinDirectory.open(instance) else { return false }
        removeLeftoverAnswers(pins.entries)
        // Unpinning alone would detach, too, but later: bpffs frees its inodes after an RCU grace period.
        for entry in pins.entries where !entry.hasPrefix("map_") { ProgramLink(opened: try pins.open(entry)).detach() }
        try pins.removeAll()
        return true
    }
}
