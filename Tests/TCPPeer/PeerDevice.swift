import BPF
import Glibc
import Handover
import Linux
import NetworkFunction
import XSK

/// A whole device as this process's own: every frame it receives comes to one AF_XDP socket.
struct PeerDevice: ~Copyable {
    private let name: String
    private let index: UInt32
    private let mtu: UInt32
    private let memory: FileDescriptor
    private let socket: XSKSocket

    init(_ name: String, mtu: UInt32) throws {
        let index = unsafe if_nametoindex(name)
        guard index > 0 else { throw Errno.current }
        let wanted = UMEMLayout.fitting(mtu: mtu, frames: 4_096, multiBuffer: mtu > 1_500, transmitMetadata: false)
        guard let wanted else { throw Errno(rawValue: EINVAL) }
        let memory = try SharedMemory.create(name: "tcp-peer", byteCount: wanted.byteCount)
        let socket = try XSKSocket(layout: wanted, memory: memory)
        self.name = name
        self.index = index
        self.mtu = mtu
        self.memory = memory
        self.socket = socket
    }

    /// First of all: kernels before 6.4 refuse to map the rings of a bound socket.
    func openPort() throws -> XSKPort {
        let grant = Grant(
            function: "", service: "", slot: 0, layout: socket.layout, mtu: mtu,
            features: mtu > 1_500 ? [.multiBuffer] : [], configuration: "")
        return try XSKPort(grant, socket: try socket.descriptor.duplicate(), memory: memory)
    }

    /// Takes the device's frames until the link ends.
    func attach() throws -> ProgramLink {
        try Self.bind(socket, index, multiBuffer: mtu > 1_500)
        return try Self.deliver(index, name, to: socket.descriptor)
    }

    /// The queue of a peer that just ended is busy for some milliseconds.
    private static func bind(_ socket: borrowing XSKSocket, _ index: UInt32, multiBuffer: Bool) throws {
        for attempt in 1... {
            do {
                return try socket.bind(interfaceIndex: index, multiBuffer: multiBuffer)
            } catch {
                guard error.errno.rawValue == EBUSY, attempt < 100 else { throw error }
                _ = usleep(10_000)
            }
        }
    }

    /// The platform's own program of a slot's NF end, with this device as the only slot.
    private static func deliver(
        _ index: UInt32, _ name: String, to socket: borrowing FileDescriptor
    ) throws -> ProgramLink {
        let object = try ObjectFile(.deliver)
        try object.load()
        let slots = Map<UInt32, UInt32>(owning: try object.mapDescriptor("slot_devices"), name: "slot_devices")
        try slots.update(index, 0)
        let sockets = Map<UInt32, UInt32>(owning: try object.mapDescriptor("xsks"), name: "xsks")
        try sockets.update(0, UInt32(bitPattern: socket.rawValue))
        return try ProgramLink.attachXDP(try object.program("deliver"), device: index, deviceName: name, flags: .native)
    }
}
