import CXDP
import Glibc
public import Linux

/// A program's attachment to a device (bpf_link). Ends with its last descriptor, unless pinned.
public struct ProgramLink: ~Copyable {
    public let descriptor: FileDescriptor

    private init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// A link that was pinned.
    public init(opened descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Where XDP runs (linux/if_link.h, XDP_FLAGS_…).
    public enum XDPFlags: UInt32, Sendable {
        case generic = 2
        case native = 4
    }

    /// BPF_TCX_INGRESS of Linux 6.6, newer than Debian 12's headers.
    private static var tcxIngress: bpf_attach_type { bpf_attach_type(rawValue: 46) }

    /// Runs an XDP program on every frame the device receives.
    public static func attachXDP(
        _ program: borrowing Program, device: UInt32, deviceName: String, flags: XDPFlags
    ) throws(BPFError) -> ProgramLink {
        var options = unsafe bpf_link_create_opts()
        unsafe options.sz = unsafe MemoryLayout<bpf_link_create_opts>.size
        unsafe options.flags = flags.rawValue
        let target = program.descriptor.rawValue
        let (result, log) = LibbpfLog.capture {
            unsafe bpf_link_create(target, CInt(device), BPF_XDP, &options)
        }
        guard result >= 0 else {
            throw BPFError(
                "attach \(program.name) to \(deviceName) (\(flags) XDP)", errno: Errno(rawValue: -result), log: log,
                needs: [.bpf, .netAdmin])
        }
        return ProgramLink(owning: FileDescriptor(owning: result))
    }

    /// Runs a tc program on every buffer the device receives, by tcx (Linux 6.6).
    /// - Throws: `EINVAL` on older kernels.
    public static func attachIngress(
        _ program: borrowing Program, device: UInt32, deviceName: String
    ) throws(BPFError) -> ProgramLink {
        let target = program.descriptor.rawValue
        let (result, log) = LibbpfLog.capture { bpf_link_create(target, CInt(device), tcxIngress, nil) }
        guard result >= 0 else {
            throw BPFError(
                "attach \(program.name) to \(deviceName) (tcx)", errno: Errno(rawValue: -result), log: log,
                needs: [.bpf, .netAdmin])
        }
        return ProgramLink(owning: FileDescriptor(owning: result))
    }

    /// Exchanges the program without a gap (BPF_LINK_UPDATE).
    public func update(to program: borrowing Program) throws(BPFError) {
        let result = bpf_link_update(descriptor.rawValue, program.descriptor.rawValue, nil)
        guard result == 0 else {
            throw BPFError(
                "update the link of \(program.name)", errno: Errno(rawValue: -result), needs: [.bpf, .netAdmin])
        }
    }

    /// Takes the program off the device although the link is pinned or held elsewhere (BPF_LINK_DETACH).
    public func detach() { _ = bpf_link_detach(descriptor.rawValue) }
}

/// A tc program in the classic way: a clsact qdisc and a filter, which live with the device and wait for nothing.
public enum TrafficControl {
    /// Which of a device's filters: programs run in the order of priorities, lowest first.
    public struct Filter: Sendable {
        let handle: UInt32
        let priority: UInt32

        /// On a device of ours, which has no other.
        public static let sole = Filter(handle: 1, priority: 1)
        /// Beside those of an operator, on a port.
        public static let answers = Filter(handle: 0x4F4E, priority: 0x4F4E)
    }

    /// - Returns: whether the qdisc was made for it.
    @discardableResult
    public static func attachIngress(
        _ program: borrowing Program, device: UInt32, deviceName: String, as filter: Filter = .sole
    ) throws(BPFError) -> Bool {
        var hook = bpf_tc_hook()
        hook.sz = MemoryLayout<bpf_tc_hook>.offset(of: \.parent)! + 4
        hook.ifindex = CInt(device)
        hook.attach_point = BPF_TC_INGRESS
        var options = bpf_tc_opts()
        options.sz = MemoryLayout<bpf_tc_opts>.offset(of: \.priority)! + 4
        options.prog_fd = program.descriptor.rawValue
        options.handle = filter.handle
        options.priority = filter.priority
        options.flags = UInt32(BPF_TC_F_REPLACE.rawValue)
        var created = -EEXIST
        let (result, log) = LibbpfLog.capture {
            created = unsafe bpf_tc_hook_create(&hook)
            guard created == 0 || created == -EEXIST else { return created }
            return unsafe bpf_tc_attach(&hook, &options)
        }
        guard result == 0 else {
            throw BPFError(
                "attach \(program.name) to \(deviceName) (clsact)", errno: Errno(rawValue: -result), log: log,
                needs: [.bpf, .netAdmin])
        }
        return created == 0
    }

    /// Removes one filter, and the clsact qdisc if it was made for it and nobody has put another there since.
    public static func detach(_ filter: Filter, device: UInt32, removesQdisc: Bool) {
        var hook = bpf_tc_hook()
        hook.sz = MemoryLayout<bpf_tc_hook>.offset(of: \.parent)! + 4
        hook.ifindex = CInt(device)
        hook.attach_point = BPF_TC_INGRESS
        var options = bpf_tc_opts()
        options.sz = MemoryLayout<bpf_tc_opts>.offset(of: \.priority)! + 4
        options.handle = filter.handle
        options.priority = filter.priority
        _ = LibbpfLog.capture { unsafe bpf_tc_detach(&hook, &options) }
        guard removesQdisc, let count = try? NetlinkSocket.filterCount(index: device), count == 0 else { return }
        detachIngress(device: device)
    }

    /// Removes the clsact qdisc with its filters.
    public static func detachIngress(device: UInt32) {
        var hook = bpf_tc_hook()
        hook.sz = MemoryLayout<bpf_tc_hook>.offset(of: \.parent)! + 4
        hook.ifindex = CInt(device)
        hook.attach_point = bpf_tc_attach_point(rawValue: BPF_TC_INGRESS.rawValue | BPF_TC_EGRESS.rawValue)
        _ = LibbpfLog.capture { unsafe bpf_tc_hook_destroy(&hook) }
    }
}

/// The XDP program on a device, whoever put it there.
public struct AttachedXDP: Equatable, Sendable {
    public var programID: UInt32
    /// As given to the kernel; empty if unknown.
    public var programName: String
    public var isNative: Bool

    /// nil: there is none.
    public static func query(device: UInt32, deviceName: String) throws(BPFError) -> AttachedXDP? {
        var options = bpf_xdp_query_opts()
        // Up to the last field: libbpf insists that what follows is zero, and Swift leaves tail padding as it was.
        options.sz = MemoryLayout<bpf_xdp_query_opts>.offset(of: \.attach_mode)! + 1
        let (result, log) = LibbpfLog.capture { unsafe bpf_xdp_query(CInt(device), 0, &options) }
        guard result == 0 else {
            throw BPFError(
                "ask what XDP program \(deviceName) has", errno: Errno(rawValue: -result), log: log, needs: [])
        }
        let ids = [options.drv_prog_id, options.skb_prog_id, options.hw_prog_id, options.prog_id]
        guard let id = ids.first(where: { $0 != 0 }) else { return nil }
        return AttachedXDP(
            programID: id, programName: Program.name(ofID: id) ?? "", isNative: options.skb_prog_id == 0)
    }
}
