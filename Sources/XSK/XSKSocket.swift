public import Linux
import CLinux
import Glibc

/// An AF_XDP socket as its manager makes it: UMEM registered, rings sized, not bound.
///
/// Creating needs CAP_NET_RAW; a holder of the descriptor needs nothing to use it. Kernels before 6.4 refuse to map the
/// rings of a bound socket, so the order is: create, hand over, the NF maps its rings, then `bind`.
public struct XSKSocket: ~Copyable {
    public let descriptor: FileDescriptor
    /// The layout in effect; without TX metadata where the kernel refused it.
    public let layout: UMEMLayout

    /// - Parameter memory: A memory file of `layout.byteCount` bytes. It is mapped only while the kernel pins it.
    public init(layout wanted: UMEMLayout, memory: borrowing FileDescriptor) throws(XSKError) {
        let descriptor = FileDescriptor(
            owning: try xskCheck(socket(AF_XDP, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0), "socket(AF_XDP)"))
        let layout = try Self.configure(wanted, memory, descriptor)
        self.descriptor = descriptor
        self.layout = layout
    }

    private static func configure(
        _ wanted: UMEMLayout, _ memory: borrowing FileDescriptor, _ descriptor: borrowing FileDescriptor
    ) throws(XSKError) -> UMEMLayout {
        let layout = try register(wanted, memory, descriptor)
        try setOption(descriptor, XDP_UMEM_FILL_RING, layout.fillRingSlots, "XDP_UMEM_FILL_RING")
        try setOption(descriptor, XDP_UMEM_COMPLETION_RING, layout.transmitRingSlots, "XDP_UMEM_COMPLETION_RING")
        try setOption(descriptor, XDP_RX_RING, layout.receiveRingSlots, "XDP_RX_RING")
        try setOption(descriptor, XDP_TX_RING, layout.transmitRingSlots, "XDP_TX_RING")
        enlargeSendBuffer(descriptor, layout)
        return layout
    }

    /// Binds to one queue of a device of this thread's network namespace, copy mode or zero-copy as the driver can.
    /// - Throws: `EBUSY` while the queue's previous owner is being torn down (some 16 ms): try again.
    public func bind(interfaceIndex: UInt32, queue: UInt32 = 0, multiBuffer: Bool) throws(XSKError) {
        var address = sockaddr_xdp()
        address.sxdp_family = UInt16(AF_XDP)
        address.sxdp_ifindex = interfaceIndex
        address.sxdp_queue_id = queue
        address.sxdp_flags = UInt16(XDP_USE_NEED_WAKEUP) | (multiBuffer ? UInt16(CLINUX_XDP_USE_SG) : 0)
        let length = socklen_t(MemoryLayout<sockaddr_xdp>.size)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(descriptor.rawValue, $0, length)
            }
        }
        try xskCheck(result, "bind of an AF_XDP socket to interface \(interfaceIndex) queue \(queue)")
    }

    /// Registers with room for TX metadata if wanted and known to this kernel (6.8; the flag from 6.11).
    private static func register(
        _ wanted: UMEMLayout, _ memory: borrowing FileDescriptor, _ descriptor: borrowing FileDescriptor
    ) throws(XSKError) -> UMEMLayout {
        let region: MappedRegion
        do {
            region = try MappedRegion(memory, byteCount: wanted.byteCount, populate: false)
        } catch {
            throw XSKError(call: "mmap of the UMEM", errno: error)
        }
        var registration = CLinux_umem_registration()
        registration.address = unsafe UInt64(UInt(bitPattern: region.base))
        registration.byte_count = UInt64(wanted.byteCount)
        registration.chunk_size = wanted.chunkByteCount
        if wanted.transmitMetadataByteCount > 0 {
            registration.tx_metadata_length = wanted.transmitMetadataByteCount
            registration.flags = UInt32(CLINUX_XDP_UMEM_TX_METADATA_LEN)
            if umemRegister(&registration, descriptor) == 0 { return wanted }
            guard errno == EINVAL else { throw XSKError(call: "XDP_UMEM_REG", errno: .current) }
            registration.tx_metadata_length = 0
            registration.flags = 0
        }
        try xskCheck(umemRegister(&registration, descriptor), "XDP_UMEM_REG of \(wanted.byteCount) bytes")
        var layout = wanted
        layout.transmitMetadataByteCount = 0
        return layout
    }

    private static func umemRegister(
        _ registration: inout CLinux_umem_registration, _ descriptor: borrowing FileDescriptor
    ) -> CInt {
        // Kernels before 6.8 read the first 24 bytes and ignore the rest.
        unsafe setsockopt(
            descriptor.rawValue, SOL_XDP, XDP_UMEM_REG, &registration,
            socklen_t(MemoryLayout<CLinux_umem_registration>.size))
    }

    private static func setOption(
        _ descriptor: borrowing FileDescriptor, _ option: CInt, _ value: UInt32, _ name: String
    ) throws(XSKError) {
        var value = value
        try xskCheck(
            unsafe setsockopt(descriptor.rawValue, SOL_XDP, option, &value, socklen_t(MemoryLayout<UInt32>.size)),
            "\(name) of \(value) slots")
    }

    /// In copy mode every descriptor becomes an skb charged to the send buffer, whose default holds some 100.
    /// Both calls only help: without CAP_NET_ADMIN, or before 6.17, sending takes more system calls.
    private static func enlargeSendBuffer(_ descriptor: borrowing FileDescriptor, _ layout: UMEMLayout) {
        var byteCount = CInt(16 << 20)
        unsafe setsockopt(
            descriptor.rawValue, SOL_SOCKET, SO_SNDBUFFORCE, &byteCount, socklen_t(MemoryLayout<CInt>.size))
        var budget = min(layout.transmitRingSlots, 2048)
        unsafe setsockopt(
            descriptor.rawValue, SOL_XDP, CLINUX_XDP_MAX_TX_SKB_BUDGET, &budget, socklen_t(MemoryLayout<UInt32>.size))
    }
}

/// A failed call on an AF_XDP socket.
public struct XSKError: Error, CustomStringConvertible, Sendable {
    public let call: String
    public let errno: Errno

    public init(call: String, errno: Errno) {
        self.call = call
        self.errno = errno
    }

    public var description: String {
        switch errno {
        case Errno(rawValue: ENOBUFS):
            "\(call): \(errno). The UMEM exceeds RLIMIT_MEMLOCK; run with CAP_IPC_LOCK or raise the limit"
        case .notPermitted: "\(call): \(errno). CAP_NET_RAW is missing"
        case Errno(rawValue: EAFNOSUPPORT): "\(call): \(errno). This kernel has no AF_XDP (CONFIG_XDP_SOCKETS)"
        default: "\(call): \(errno)"
        }
    }
}

@discardableResult
func xskCheck(_ result: CInt, _ call: @autoclosure () -> String) throws(XSKError) -> CInt {
    guard result >= 0 else {
        let errno = Errno.current
        throw XSKError(call: call(), errno: errno)
    }
    return result
}

/// From <linux/socket.h>; Glibc's module hides it.
let SOL_XDP: CInt = 283
