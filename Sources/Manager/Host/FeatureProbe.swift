import CLinux
import Glibc
import Handover
import Linux
import XSK

/// What this kernel can do, each found out by trying.
public struct KernelFeatures: Equatable, Sendable {
    public var xdpSockets: Bool
    /// The kernel describes its types (CONFIG_DEBUG_INFO_BTF): the egress program reads a structure of its.
    public var typeInformation: Bool
    /// XDP_USE_SG: frames of several buffers.
    public var multiBuffer: Bool
    /// The kernel fills in the checksums of what NFs send.
    public var transmitMetadata: Bool
    /// TAP devices (/dev/net/tun), by which NFs send runs of segments in one piece.
    public var tap: Bool
    public var tcx: Bool
    /// The ABI version, 0 without Landlock.
    public var landlockVersion: Int
    public var seccomp: Bool
    public var bpffsMounted: Bool

    /// Tries on devices of a network namespace of its own.
    public static func probe() throws -> KernelFeatures {
        let sockets = try probeSockets()
        return KernelFeatures(
            xdpSockets: sockets.available, typeInformation: unsafe access("/sys/kernel/btf/vmlinux", R_OK) == 0,
            multiBuffer: sockets.multiBuffer,
            transmitMetadata: sockets.transmitMetadata, tap: Tap.isAvailable, tcx: CLinux_probe_tcx() == 0,
            landlockVersion: max(0, Int(CLinux_landlock_version())), seccomp: CLinux_seccomp_available() == 0,
            bpffsMounted: BPFFileSystem.isMounted)
    }

    private static func probeSockets() throws -> (available: Bool, multiBuffer: Bool, transmitMetadata: Bool) {
        try NetworkNamespace.inScratch {
            var netlink = try NetlinkSocket()
            let pair = VethPair(host: "probeh", networkFunction: "proben", mtu: 1500, group: 0)
            let indices = try netlink.createVethPairs([pair])[0]
            guard
                let layout = UMEMLayout.fitting(mtu: 1500, frames: 128, multiBuffer: true, transmitMetadata: true),
                let socket = try socket(layout)
            else { return (false, false, false) }
            let metadata = socket.layout.transmitMetadataByteCount > 0
            do throws(XSKError) {
                try socket.bind(interfaceIndex: indices.networkFunction, multiBuffer: true)
                return (true, true, metadata)
            } catch {
                // EINVAL is how a kernel says that it does not know a bind flag.
                guard error.errno == .invalid else { throw error }
                return (true, false, metadata)
            }
        }
    }

    /// Nil on a kernel without AF_XDP.
    private static func socket(_ layout: UMEMLayout) throws -> XSKSocket? {
        let memory = try SharedMemory.create(name: "onvm-probe", byteCount: layout.byteCount)
        do {
            return try XSKSocket(layout: layout, memory: memory)
        } catch {
            guard error.errno == Errno(rawValue: EAFNOSUPPORT) else { throw error }
            return nil
        }
    }
}

enum LargestMTU {
    /// Of frames that lie in one buffer, so without XDP_USE_SG.
    static let singleBuffer = UMEMLayout.largestSingleBufferMTU
}
