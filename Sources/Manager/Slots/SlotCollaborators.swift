import Handover
import Linux
import XSK

/// The devices of a slot: a veth pair, by which its NF receives, and where the host has them a TAP, by which it sends.
struct SlotDevice: Equatable {
    var hostIndex: UInt32
    var nfIndex: UInt32
    var tap: SlotTap?

    func has(_ index: UInt32) -> Bool { hostIndex == index || nfIndex == index || tap?.index == index }

    var indices: [UInt32] { [hostIndex, nfIndex] + (tap.map { [$0.index] } ?? []) }
}

/// A TAP device, and the descriptor it lives by.
final class SlotTap: Equatable {
    let index: UInt32
    let descriptor: FileDescriptor

    init(index: UInt32, descriptor: consuming FileDescriptor) {
        self.index = index
        self.descriptor = descriptor
    }

    static func == (left: SlotTap, right: SlotTap) -> Bool { left === right }
}

/// Makes slots' devices. They stay down, so that nothing can pass, until somebody polices them.
protocol SlotDeviceMaker: AnyObject {
    func create(slots: [UInt32], sendBy: Topology.Transmit) throws -> [SlotDevice]
    /// After `SlotSteering.police`: from now on an NF that has one can send by it. By slot.
    func bringUp(_ devices: [UInt32: SlotDevice]) throws
    /// Removes what is left of a slot that lost one of its devices.
    func remove(_ device: SlotDevice)
}

/// Starts NF processes. What becomes of one is told to the `SlotTable` as events that carry its token.
protocol NetworkFunctionLauncher: AnyObject {
    /// False while the zygote is being restarted.
    var isAvailable: Bool { get }
    /// Makes packet memory and an AF_XDP socket that nobody had before and asks for a process that gets them.
    /// - Parameter tap: What it sends by; nil: its socket.
    func launch(
        slot: UInt32, token: UInt64, service: Topology.Service, tap: SlotTap?
    ) throws -> any NetworkFunctionProcess
}

/// The manager's hold on one NF process and on what was made for it.
protocol NetworkFunctionProcess: AnyObject {
    var userID: UInt32 { get }
    /// The AF_XDP socket.
    var socket: CInt { get }
    func bind(interfaceIndex: UInt32) throws(XSKError)
    /// Tells it that frames may come.
    func run() throws
    /// Tells it to finish what it has and end.
    func drain()
    /// SIGKILL.
    func kill()
    /// Time it has been on a core, in nanoseconds; nil where it has no weight that could be lowered, and when it is gone.
    var processorNanoseconds: UInt64? { get }
    /// Time it was ready to run and was not, in nanoseconds.
    var waitedNanoseconds: UInt64 { get }
    /// Gives it a part of its weight, or all of it again.
    func setWeight(isLowered: Bool) throws
    /// Whether the kernel killed it because it had more memory than it may. Ask once, when it has ended.
    var wasKilledForMemory: Bool { get }
    func read(_ field: TelemetryField) -> UInt64
    /// What its TCP stack counted: codes of `TCPVocabulary.counters` and `.drops`.
    func readCounter(_ position: Int) -> UInt64
    func readDrop(_ position: Int) -> UInt64
    /// Asks it for its connections, and wakes it. The answer comes later, or never.
    func requestConnections()
    /// What it answered last.
    var connections: ConnectionSnapshot { get }
    /// Gives back socket, memory and channels.
    func close()
}

/// The part of `Steering` that slots need.
protocol SlotSteering: AnyObject {
    /// Attaches the programs to a slot's devices, which are down. Until `offer` they drop everything.
    func police(_ slot: SlotAttachment) throws
    func admit(_ slot: SlotAttachment) throws
    func offer(slot: UInt32, service: UInt8) throws
    func unbind(slot: UInt32) throws
    func retire(slot: UInt32) throws
    func setShareTable(service: UInt8, slots: [UInt32]) throws
    /// Forgets clients that share an NF and were not seen for that long.
    func removeGuests(of service: UInt8, unseenFor nanoseconds: UInt64, at now: UInt64) throws
    func binding(of slot: UInt32) -> SlotBinding?
    func idleCount(service: UInt8) -> Int
    /// Whether the service can have no more NFs than it has.
    func setFull(_ isFull: Bool, service: UInt8)
    /// nil: the service has no SYN gate.
    func gate(service: UInt8, at now: MonotonicTime) -> GateState?
    func gateSources(service: UInt8, limit: Int) -> [(prefix: String, count: UInt64)]
    func forgetGateSources(service: UInt8)
    func forgetWaitingClients(service: UInt8, at now: MonotonicTime)
    func gateDrift(service: UInt8) -> (idle: Int64, halfOpen: Int64)
    func correctGate(service: UInt8, _ drift: (idle: Int64, halfOpen: Int64))
    /// Frames put into the slot's socket; nil if it cannot be read.
    func deliveredFrameCount(slot: UInt32) -> UInt64?
    /// Frames for the slot, and by it; nil if it cannot be read.
    func frameCount(slot: UInt32) -> UInt64?
    /// Frames of the slot's NF that egress refused because it may not send them; nil if it cannot be read.
    func violationCount(slot: UInt32) -> UInt64?
}
