import CLinux
import Glibc

/// Tells which links of this thread's network namespace are removed, which lose their ingress filters, and when its addresses
/// change (rtnetlink(7), groups RTNLGRP_LINK, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR).
public struct NetlinkLinkMonitor: ~Copyable {
    public let descriptor: FileDescriptor

    public enum Event: Equatable, Sendable {
        /// The link with this index is gone.
        case removed(index: UInt32)
        /// An address came or went; once for any number of them.
        case addressesChanged
        /// A filter of the link's clsact qdisc, or all of it, is gone.
        case filterRemoved(index: UInt32)
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
            // RTMGRP_LINK, RTMGRP_TC, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
            address.nl_groups = 0x1 | 0x8 | 0x10 | 0x100
            try Self.hearOnlyChanges(descriptor)
            let result = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor.rawValue, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
                }
            }
            try Errno.check(result)
            // Removing a thousand slots says more than the default buffer holds.
            var byteCount: CInt = 4 << 20
            unsafe setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_RCVBUFFORCE, &byteCount, socklen_t(MemoryLayout<CInt>.size))
            self.descriptor = descriptor
        } catch {
            throw NetlinkError(operation: operation, errno: error)
        }
    }

    /// A slot that is made causes a dozen messages; they are not worth waking up for. In a socket's filter a message begins
    /// with struct nlmsghdr, whose type is in the host's byte order.
    private static func hearOnlyChanges(_ descriptor: borrowing FileDescriptor) throws(Errno) {
        let types = [RTM_DELLINK, RTM_DELQDISC, RTM_DELTFILTER, RTM_NEWADDR, RTM_DELADDR].map { UInt32(UInt16($0).bigEndian) }
        var filter = [sock_filter(code: UInt16(BPF_LD | BPF_H | BPF_ABS), jt: 0, jf: 0, k: 4)]
        for (index, type) in types.enumerated() {
            // To the last instruction.
            let rest = UInt8(types.count - index)
            filter.append(sock_filter(code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: rest, jf: 0, k: type))
        }
        filter.append(sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0))
        filter.append(sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: .max))
        let result = unsafe filter.withUnsafeMutableBufferPointer { instructions in
            var program = unsafe sock_fprog(len: UInt16(instructions.count), filter: instructions.baseAddress)
            return unsafe setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_ATTACH_FILTER, &program, socklen_t(MemoryLayout<sock_fprog>.size))
        }
        try Errno.check(result)
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
            for event in NetlinkMessage.messages(in: datagram).compactMap(Self.event)
            where event != .addressesChanged || !events.contains(event) { events.append(event) }
        }
        return events
    }

    static func event(_ message: NetlinkMessage) -> Event? {
        let payload = message.payload
        switch message.type {
        case UInt16(RTM_DELLINK):
            // struct ifinfomsg: the index is at byte 4. AF_BRIDGE (7) reports leaving a bridge, not the end.
            guard payload.count >= 8, payload.first != 7 else { return nil }
            return .removed(index: payload.integer(at: 4))
        case UInt16(RTM_DELQDISC), UInt16(RTM_DELTFILTER):
            // struct tcmsg: index, handle, parent. What hangs on clsact has parent FFFF:xxxx (TC_H_CLSACT).
            guard payload.count >= 16 else { return nil }
            let parent: UInt32 = payload.integer(at: 12)
            // A root qdisc has parent FFFF:FFFF.
            guard parent >> 16 == 0xFFFF, parent != .max else { return nil }
            return .filterRemoved(index: payload.integer(at: 4))
        case UInt16(RTM_NEWADDR), UInt16(RTM_DELADDR):
            return .addressesChanged
        default:
            return nil
        }
    }
}
