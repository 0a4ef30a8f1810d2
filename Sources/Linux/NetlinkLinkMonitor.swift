import CLinux
import Glibc

/// Tells which links of this thread's network namespace are removed, and when its addresses change (rtnetlink(7), groups
/// RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR).
public struct NetlinkLinkMonitor: ~Copyable {
    public let descriptor: FileDescriptor

    public enum Event: Equatable, Sendable {
        /// The link with this index is gone.
        case removed(index: UInt32)
        /// An address came or went; once for any number of them.
        case addressesChanged
        /// Messages were lost because nobody read them in time: look at all links.
        case lost
    }

    public init() throws(NetlinkError) {
        let operation = "watch network devices"
        do {
            let type = CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
            let descriptor = FileDescriptor(owning: try Errno.check(socket(AF_NETLINK, type, NETLINK_ROUTE)))
            var address = sockaddr_nl()
            address.nl_family = UInt16(AF_NETLINK)
            address.nl_groups = 0x1 | 0x10 | 0x100  // RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
            let result = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor.rawValue, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
                }
            }
            try Errno.check(result)
            // Making a thousand slots says more than the default buffer holds.
            var byteCount: CInt = 4 << 20
            unsafe setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_RCVBUFFORCE, &byteCount, socklen_t(MemoryLayout<CInt>.size))
            self.descriptor = descriptor
        } catch {
            throw NetlinkError(operation: operation, errno: error)
        }
    }

    /// What happened since the last call; after many messages the descriptor is readable still.
    public func events() -> [Event] {
        var events: [Event] = []
        for _ in 0..<256 {
            var count = 0
            let datagram = unsafe [UInt8](unsafeUninitializedCapacity: 32_768) { buffer, initialized in
                count = unsafe recv(descriptor.rawValue, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
                initialized = max(count, 0)
            }
            if count < 0, errno == ENOBUFS {
                if events.last != .lost { events.append(.lost) }
                continue
            }
            guard count > 0 else { return events }
            for message in NetlinkMessage.messages(in: datagram) {
                if [UInt16(RTM_NEWADDR), UInt16(RTM_DELADDR)].contains(message.type) {
                    if !events.contains(.addressesChanged) { events.append(.addressesChanged) }
                    continue
                }
                guard message.type == UInt16(RTM_DELLINK) else { continue }
                // struct ifinfomsg: the index is at byte 4. AF_BRIDGE (7) reports leaving a bridge, not the end.
                guard message.payload.count >= 8, message.payload.first != 7 else { continue }
                events.append(.removed(index: message.payload.integer(at: 4)))
            }
        }
        return events
    }
}
