import CLinux
import Glibc

/// What a driver can do with XDP, as it declares it (<linux/netdev.h>, Linux 6.3).
public struct XDPFeatures: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// Programs run in the driver: native mode.
    public static let native = XDPFeatures(rawValue: 1)
    /// They may redirect frames away from the device.
    public static let redirect = XDPFeatures(rawValue: 2)
    /// Frames may be redirected to the device.
    public static let redirectTarget = XDPFeatures(rawValue: 4)
    public static let zeroCopy = XDPFeatures(rawValue: 8)
    /// Frames of several buffers reach programs.
    public static let multiBuffer = XDPFeatures(rawValue: 32)
}

/// The "netdev" family of generic netlink.
public struct NetdevFamily: ~Copyable {
    private var netlink: NetlinkSocket
    private let family: UInt16

    private enum Code {
        // <linux/genetlink.h>
        static let controller: UInt16 = 0x10
        static let getFamily: UInt8 = 3
        static let familyID = 1
        static let familyName = 2
        // <linux/netdev.h>
        static let getDevice: UInt8 = 1
        static let deviceIndex = 1
        static let deviceXDPFeatures = 3
    }

    /// Nil on kernels that have no such family.
    public init?() throws(NetlinkError) {
        var netlink = try NetlinkSocket(protocol: NETLINK_GENERIC)
        let family: UInt16
        do {
            let answer = try netlink.perform("look up the netdev family") {
                $0.genericMessage(Code.controller, Code.getFamily) { $0.attribute(Code.familyName, "netdev") }
            }
            family = answer.first?.genericAttributes[Code.familyID]?.integer(at: 0) ?? 0
        } catch {
            guard error.errno == Errno(rawValue: ENOENT) else { throw error }
            return nil
        }
        guard family != 0 else { return nil }
        self.netlink = netlink
        self.family = family
    }

    /// Nil for a device that declares nothing.
    public mutating func xdpFeatures(index: UInt32) throws(NetlinkError) -> XDPFeatures? {
        let family = family
        let answer = try netlink.perform("query XDP features of device \(index)") {
            $0.genericMessage(family, Code.getDevice) { $0.attribute(Code.deviceIndex, index) }
        }
        guard let value = answer.first?.genericAttributes[Code.deviceXDPFeatures] else { return nil }
        return XDPFeatures(rawValue: value.integer(at: 0))
    }
}

extension NetlinkWriter {
    /// A request with `struct genlmsghdr`: command, version, reserved.
    mutating func genericMessage(_ family: UInt16, _ command: UInt8, _ body: (inout NetlinkWriter) -> Void) {
        message(family, .acknowledge) {
            $0.append(command)
            $0.append(1 as UInt8)
            $0.append(0 as UInt16)
            body(&$0)
        }
    }
}

extension NetlinkMessage {
    var genericAttributes: NetlinkAttributes { NetlinkAttributes(payload.dropFirst(4)) }
}
