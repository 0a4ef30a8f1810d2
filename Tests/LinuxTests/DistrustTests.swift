import CLinux
import Foundation
import Linux
import Testing

/// The layer beneath the egress program: even without it the host's IPv4 takes in nothing that an NF sends. Needs root.
@Suite struct DistrustTests {
    @Test(arguments: [false, true])
    func aDistrustedDeviceReachesNoSocketOfTheHost(isDistrusted: Bool) throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            let tap = try Tap.make("onvm0t", sendByteCount: 1 << 20)
            let index = unsafe if_nametoindex("onvm0t")
            var change = LinkChange(index: index)
            change.distrustsSources = isDistrusted
            try netlink.change([change])
            var up = LinkChange(index: index)
            up.isUp = true
            var loopback = LinkChange(index: 1)
            loopback.isUp = true
            try netlink.change([up, loopback])
            let socket = try Self.boundSocket()
            let frame = Self.datagram()
            let written = unsafe frame.withUnsafeBytes { unsafe write(tap.rawValue, $0.baseAddress, $0.count) }
            #expect(written == frame.count, "\(Errno.current)")
            // What is written is received before write(2) returns, or in a softirq right after it.
            var descriptor = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
            let arrived = unsafe poll(&descriptor, 1, isDistrusted ? 200 : 5_000) == 1
            #expect(arrived == !isDistrusted)
        }
    }

    private static func boundSocket() throws -> FileDescriptor {
        let socket = FileDescriptor(owning: try Errno.check(Glibc.socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)))
        var address = sockaddr_in()
        address.sin_family = UInt16(AF_INET)
        address.sin_port = UInt16(5_353).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket.rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try Errno.check(result)
        return socket
    }

    /// struct virtio_net_hdr of zeros, then a broadcast UDP datagram of 4 bytes from 10.9.9.9.
    private static func datagram() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Tap.headerByteCount)
        bytes += [UInt8](repeating: 0xFF, count: 6) + [2, 0, 0, 0, 0, 9] + [0x08, 0x00]
        var ip: [UInt8] = [0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 9, 9, 255, 255, 255, 255]
        var sum = 0
        for offset in stride(from: 0, to: 20, by: 2) { sum += Int(ip[offset]) << 8 | Int(ip[offset + 1]) }
        sum = (sum & 0xFFFF) + (sum >> 16)
        sum = ~((sum & 0xFFFF) + (sum >> 16)) & 0xFFFF
        (ip[10], ip[11]) = (UInt8(sum >> 8), UInt8(sum & 255))
        // No checksum: RFC 768 allows it over IPv4.
        return bytes + ip + [0x14, 0xE9, 0x14, 0xE9, 0, 12, 0, 0] + [1, 2, 3, 4]
    }
}
