import CLinux
import Glibc
import Handover
import Linux
import Testing
import XSK

@testable import NetworkFunction

/// A veth pair in a network namespace of its own: AF_XDP on one end, a packet socket on the other. Needs root.
@Suite(.serialized) struct LiveSocketTests {
    @Test(arguments: [(1_500, 64), (1_500, 1_514), (9_000, 9_014)] as [(UInt32, Int)])
    func framesGoOutWholeAndComeBackToThePool(mtu: UInt32, frameByteCount: Int) throws {
        try withVethPair(mtu: mtu) { near, far in
            var port = try boundPort(near, mtu: mtu, features: mtu > 1_500 ? [.multiBuffer] : [])
            let sink = try PacketSocket(interfaceIndex: far)
            for round in 0..<(Int(port.layout.transmitFrames) * 3) {
                port.reclaim()
                let taken = port.takeFrame()
                let frame = try #require(taken)
                fill(frame, byteCount: frameByteCount, seed: UInt8(truncatingIfNeeded: round))
                port.submit(frame, byteCount: frameByteCount, checksum: nil)
                guard case .sent = port.flush() else {
                    Issue.record("flush did not send")
                    return
                }
                let received = try sink.receive()
                #expect(received.count == frameByteCount)
                #expect(received.dropFirst(14).allSatisfy { $0 == UInt8(truncatingIfNeeded: round) })
            }
            port.reclaim()
            let free = port.freeFrames
            #expect(free == port.frameCount, "every frame is back")
        }
    }

    /// The kernel completes the checksum when the descriptor asks for it (Linux 6.8, XDP_TXMD_FLAGS_CHECKSUM).
    @Test func theKernelCompletesAPartialChecksum() throws {
        try withVethPair(mtu: 1_500) { near, far in
            try run("ethtool", "-K", "onvmt0", "tx", "off")
            var port = try boundPort(near, mtu: 1_500, features: [.checksumOffload], metadata: true)
            let metadata = port.layout.transmitMetadataByteCount
            try #require(metadata > 0, "this test needs Linux 6.8")
            let sink = try PacketSocket(interfaceIndex: far)
            let taken = port.takeFrame()
                let frame = try #require(taken)
            fill(frame, byteCount: 64, seed: 1)
            unsafe frame.base.storeBytes(of: UInt16(0), toByteOffset: 50, as: UInt16.self)
            port.submit(frame, byteCount: 64, checksum: (start: 34, offset: 16))
            _ = port.flush()
            let received = try sink.receive()
            // 15 - 1 words of 0x0101 from byte 34, one of them the field itself: 14 * 0x0101 = 0x0E0E, complemented.
            #expect(received.count == 64)
            #expect(received[50] == 0xF1 && received[51] == 0xF1, "\(received[50]) \(received[51])")
        }
    }

    // MARK: Support

    private func withVethPair(mtu: UInt32, _ body: (_ near: UInt32, _ far: UInt32) throws -> Void) throws {
        try #require(geteuid() == 0, "this test needs root: it makes a network namespace")
        let home = try FileDescriptor(opening: "/proc/thread-self/ns/net", flags: O_RDONLY)
        try Errno.check(CLinux_unshare(CInt(CLINUX_CLONE_NEWNET)))
        defer { _ = CLinux_setns(home.rawValue, CInt(CLINUX_CLONE_NEWNET)) }
        try run("ip", "link", "add", "onvmt0", "mtu", "\(mtu)", "numrxqueues", "1", "numtxqueues", "1", "type", "veth",
            "peer", "name", "onvmt1", "mtu", "\(mtu)")
        for device in ["onvmt0", "onvmt1"] {
            try run("ip", "link", "set", device, "addrgenmode", "none", "up")
        }
        try unsafe body(if_nametoindex("onvmt0"), if_nametoindex("onvmt1"))
    }

    /// Runs in the calling thread's namespaces, as posix_spawn(3) forks from it.
    private func run(_ arguments: String...) throws {
        var pid: pid_t = 0
        var list: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { for unsafe text in unsafe list { unsafe free(text) } }
        let spawned = unsafe posix_spawnp(&pid, list[0]!, nil, nil, &list, environ)
        try #require(spawned == 0)
        var status: CInt = 0
        _ = unsafe waitpid(pid, &status, 0)
        try #require(status == 0, "\(arguments.joined(separator: " "))")
    }

    private func boundPort(
        _ index: UInt32, mtu: UInt32, features: Grant.Features, metadata: Bool = false
    ) throws -> XSKPort {
        let wanted = try #require(
            UMEMLayout.fitting(
                mtu: mtu, frames: 256, multiBuffer: features.contains(.multiBuffer), transmitMetadata: metadata))
        let memory = try SharedMemory.create(name: "test", byteCount: wanted.byteCount)
        let socket = try XSKSocket(layout: wanted, memory: memory)
        let layout = socket.layout
        let grant = Grant(
            function: "", service: "", slot: 0, layout: layout, mtu: mtu, features: features, configuration: "")
        let port = try XSKPort(grant, socket: socket.descriptor.duplicate(), memory: memory)
        try socket.bind(interfaceIndex: index, multiBuffer: features.contains(.multiBuffer))
        return port
    }

    private func fill(_ frame: XSKPort.TransmitFrame, byteCount: Int, seed: UInt8) {
        precondition(byteCount <= frame.capacity)
        unsafe frame.base.initializeMemory(as: UInt8.self, repeating: seed, count: byteCount)
        // Broadcast, and an EtherType nobody handles.
        unsafe frame.base.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 12)
        unsafe (frame.base + 12).storeBytes(of: UInt16(0x88B5).bigEndian, as: UInt16.self)
    }
}

/// AF_PACKET, all protocols, one device (packet(7)); receiving gives up after a second.
private struct PacketSocket: ~Copyable {
    private let descriptor: FileDescriptor

    init(interfaceIndex: UInt32) throws(Errno) {
        let all = UInt16(0x0003).bigEndian
        let descriptor = FileDescriptor(owning: try Errno.check(socket(AF_PACKET, CInt(SOCK_RAW.rawValue), CInt(all))))
        // struct sockaddr_ll, which Glibc's module lacks: family, protocol, index, then 12 bytes nobody reads.
        var address = (UInt16(AF_PACKET), all, interfaceIndex, UInt64(0), UInt32(0))
        let result = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe bind(descriptor.rawValue, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), 20)
        }
        try Errno.check(result)
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        try Errno.check(
            unsafe setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size)))
        self.descriptor = descriptor
    }

    /// The next frame with the test's EtherType.
    func receive() throws(Errno) -> [UInt8] {
        while true {
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, initialized in
                count = unsafe recv(descriptor.rawValue, buffer.baseAddress, buffer.count, 0)
                initialized = max(count, 0)
            }
            guard count >= 0 else { throw .current }
            if count >= 14, bytes[12] == 0x88, bytes[13] == 0xB5 { return bytes }
        }
    }
}
