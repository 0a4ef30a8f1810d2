import BPF
import CLinux
import Foundation
import Glibc
import Linux
import Logging
import Synchronization
import TestSupport
import Testing
import XSK

@testable import Manager

/// Two namespaces, `port0` (10.99.0.1, the platform's side) and `client0` (10.99.0.2), removed at the end.
///
/// The thread that makes it lives in the platform's namespace until `deinit`: tests that use it are synchronous.
final class LiveBed {
    let host: String
    let client: String
    private let home: FileDescriptor
    private static let serial = Atomic<Int>(0)

    init() throws {
        guard geteuid() == 0 else { throw Bench.NotRoot() }
        // Suites run beside each other.
        let number = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
        host = "ovbpf\(getpid())h\(number)"
        client = "ovbpf\(getpid())c\(number)"
        home = try FileDescriptor(opening: "/proc/thread-self/ns/net", flags: O_RDONLY)
        try Self.ip("netns", "add", host)
        try Self.ip("netns", "add", client)
        try Self.ip(
            "-n", host, "link", "add", "port0", "type", "veth", "peer", "name", "client0", "netns", client)
        for (namespace, device, address) in [(host, "port0", "1"), (client, "client0", "2")] {
            try Self.ip("-n", namespace, "link", "set", "lo", "up")
            try Self.ip("-n", namespace, "addr", "add", "10.99.0.\(address)/24", "dev", device)
            try Self.ip("-n", namespace, "addr", "add", "fd99::\(address)/64", "dev", device, "nodad")
            try Self.ip("-n", namespace, "link", "set", device, "up")
        }
        try enter(host)
    }

    deinit {
        _ = CLinux_setns(home.rawValue, CInt(CLINUX_CLONE_NEWNET))
        for namespace in [host, client] { _ = try? Self.ip("netns", "del", namespace) }
    }

    func enter(_ namespace: String) throws {
        let file = try FileDescriptor(opening: "/run/netns/\(namespace)", flags: O_RDONLY)
        try Errno.check(CLinux_setns(file.rawValue, CInt(CLINUX_CLONE_NEWNET)))
    }

    /// `port0` as `Steering` takes it.
    func port(_ name: String = "port0") throws -> PortInterface {
        let text = try String(contentsOfFile: "/proc/thread-self/net/dev", encoding: .utf8)
        try #require(text.contains("\(name):"))
        return PortInterface(
            name: name, index: unsafe if_nametoindex(name), mac: try mac(of: name, in: host), isVirtual: true,
            isVeth: true)
    }

    func mac(of device: String, in namespace: String) throws -> [UInt8] {
        let line = try Self.ip("-n", namespace, "-o", "link", "show", "dev", device)
        let words = line.split(separator: " ")
        let place = try #require(words.firstIndex(of: "link/ether"))
        return words[place + 1].split(separator: ":").compactMap { UInt8($0, radix: 16) }
    }

    /// A veth pair as the manager makes it.
    func makeSlot(_ number: Int) throws -> LiveSlot {
        let (near, far) = ("ovs\(number)h", "ovs\(number)n")
        try Self.ip(
            "link", "add", near, "numtxqueues", "1", "numrxqueues", "1", "type", "veth", "peer", "name", far,
            "numtxqueues", "1", "numrxqueues", "1", in: host)
        for device in [near, far] {
            try Self.ip("link", "set", device, "addrgenmode", "none", in: host)
            try Self.ip("link", "set", device, "up", in: host)
        }
        return try LiveSlot(hostIndex: unsafe if_nametoindex(near), nfIndex: unsafe if_nametoindex(far))
    }

    /// What `SlotDevices.createRouteDevice` makes.
    func makeRouteDevice() throws -> UInt32 {
        let names = SlotDeviceNames(instance: "live", users: nil, firstNumber: 900)
        let log = Logger(label: "live") { _ in SwiftLogNoOpLogHandler() }
        return try SlotDevices(names: names, settings: SlotDeviceSettings(mtu: 1500, hasTap: false), log: log)
            .createRouteDevice(slot: 0)
    }

    /// A packet socket on a device of a namespace.
    func tap(_ device: String, in namespace: String) throws -> PacketSocket {
        try enter(namespace)
        defer { try? enter(host) }
        return try PacketSocket(unsafe if_nametoindex(device))
    }

    @discardableResult
    static func ip(_ arguments: String..., in namespace: String? = nil) throws -> String {
        try run("/usr/sbin/ip", (namespace.map { ["-n", $0] } ?? []) + arguments)
    }

    @discardableResult
    static func run(_ tool: String, _ arguments: [String]) throws -> String {
        // popen(3): Foundation's Process was seen to wait for ever for a command that had ended.
        let command = ([tool] + arguments).map { "'\($0)'" }.joined(separator: " ")
        guard let stream = unsafe popen("\(command) 2>&1", "r") else { throw Errno.current }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe fread(&bytes, 1, bytes.count, stream)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        guard unsafe pclose(stream) == 0 else { throw CommandFailed(command: command, output: text) }
        return text
    }

    struct CommandFailed: Error {
        let command: String
        let output: String
    }
}

/// An AF_PACKET socket: sends whole frames and sees what the device receives (packet(7)).
final class PacketSocket {
    private let socket: FileDescriptor

    /// `struct sockaddr_ll` (packet(7)), which Swift's Glibc module hides.
    private struct LinkLayerAddress {
        var family: UInt16
        var frameType: UInt16
        var device: CInt
        var rest: (UInt32, UInt32, UInt32) = (0, 0, 0)
    }

    init(_ device: UInt32) throws {
        let everything = UInt16(ETH_P_ALL).bigEndian
        socket = FileDescriptor(
            owning: try Errno.check(
                Glibc.socket(AF_PACKET, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), CInt(everything))))
        var address = LinkLayerAddress(family: UInt16(AF_PACKET), frameType: everything, device: CInt(device))
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket.rawValue, $0, socklen_t(MemoryLayout<LinkLayerAddress>.size))
            }
        }
        try Errno.check(result)
    }

    func send(_ frame: PacketBuilder) throws {
        let bytes = frame.bytes
        guard unsafe Glibc.send(socket.rawValue, bytes, bytes.count, 0) == bytes.count else { throw Errno.current }
    }

    /// The next frame that `matches` within the time, or nil.
    func receive(milliseconds: Int = 1000, _ matches: ([UInt8]) -> Bool) -> [UInt8]? {
        let deadline = Date().addingTimeInterval(Double(milliseconds) / 1000)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while Date() < deadline {
            let count = unsafe recv(socket.rawValue, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            if count < 0 { usleep(500) }
            if count > 0 && matches(Array(buffer.prefix(count))) { return Array(buffer.prefix(count)) }
        }
        return nil
    }
}

/// A slot's devices with an AF_XDP socket on the NF end, used by the test in the NF's place.
final class LiveSlot {
    let hostIndex: UInt32
    let nfIndex: UInt32
    let socket: XSKSocket
    let output: PacketSocket
    private var rings: XSKRings
    private let memory: FileDescriptor
    private let region: MappedRegion
    /// What lay in front of the last frame received: XDP metadata, if its program wrote any.
    private(set) var metadata: [UInt8] = []

    init(hostIndex: UInt32, nfIndex: UInt32) throws {
        self.hostIndex = hostIndex
        self.nfIndex = nfIndex
        let layout = UMEMLayout(
            chunkByteCount: 2048, receiveChunks: 64, transmitChunks: 64, chunksPerTransmitFrame: 1,
            transmitMetadataByteCount: 0)
        memory = try SharedMemory.create(name: "kernel-tests", byteCount: layout.byteCount)
        region = try MappedRegion(memory, byteCount: layout.byteCount)
        socket = try XSKSocket(layout: layout, memory: memory)
        rings = try XSKRings(socket: socket.descriptor, layout: layout)
        for chunk in 0..<UInt64(32) { _ = rings.fill.append(chunk * 2048) }
        rings.fill.publish()
        try socket.bind(interfaceIndex: nfIndex, multiBuffer: true)
        output = try PacketSocket(nfIndex)
    }

    /// The next frame that came through the socket.
    func receive(milliseconds: Int = 1000) -> [UInt8]? {
        let deadline = Date().addingTimeInterval(Double(milliseconds) / 1000)
        while Date() < deadline {
            if rings.receive.available(limit: 1) == 1 {
                let descriptor = rings.receive.slot(at: 0)
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: region.base + Int(descriptor.addr), count: Int(descriptor.len))
                let frame = unsafe Array(bytes)
                let before = unsafe UnsafeRawBufferPointer(start: region.base + Int(descriptor.addr) - 20, count: 20)
                metadata = unsafe Array(before)
                rings.receive.release(1)
                return frame
            }
            usleep(500)
        }
        return nil
    }

    func attachment(_ slot: UInt32, service: UInt8) -> SlotAttachment {
        SlotAttachment(
            slot: slot, service: service, hostIndex: hostIndex, nfIndex: nfIndex, socket: socket.descriptor.rawValue)
    }
}
