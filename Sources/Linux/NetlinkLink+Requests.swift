import CLinux
import Glibc

/// A veth pair to be made: one queue at each end, so that one AF_XDP socket on queue 0 sees every frame (veth(4)).
public struct VethPair: Equatable, Sendable {
    /// The end that the port's traffic enters by.
    public var host: String
    /// The end that the NF's socket is bound to.
    public var networkFunction: String
    public var mtu: UInt32
    /// Lets all pairs of an instance be deleted at once.
    public var group: UInt32

    public init(host: String, networkFunction: String, mtu: UInt32, group: UInt32) {
        self.host = host
        self.networkFunction = networkFunction
        self.mtu = mtu
        self.group = group
    }
}

public struct VethIndices: Equatable, Sendable {
    public var host: UInt32
    public var networkFunction: UInt32

    public init(host: UInt32, networkFunction: UInt32) {
        self.host = host
        self.networkFunction = networkFunction
    }
}

/// What to change on a device; nil leaves it as it is.
public struct LinkChange: Equatable, Sendable {
    public var index: UInt32
    public var isUp: Bool?
    public var alias: String?
    public var mtu: UInt32?
    public var group: UInt32?
    /// No IPv6 link-local address of its own (IN6_ADDR_GEN_MODE_NONE).
    public var disablesIPv6AddressGeneration = false
    /// IPv4 takes nothing in by it: a packet's source must be one that is routed back by the device (strict RFC 3704 reverse
    /// path), ARP is not answered, nothing is forwarded (ip-sysctl.rst).
    public var distrustsSources = false

    public init(index: UInt32) { self.index = index }
}

extension NetlinkWriter {
    /// `struct ifinfomsg`.
    public mutating func linkHeader(index: UInt32 = 0, flags: UInt32 = 0, change: UInt32 = 0) {
        append(UInt8(AF_UNSPEC))
        append(0 as UInt8)
        append(0 as UInt16)
        append(Int32(bitPattern: index))
        append(flags)
        append(change)
    }

    public mutating func getLink(named name: String) {
        message(UInt16(RTM_GETLINK), .acknowledge) {
            $0.linkHeader()
            $0.attribute(Int(IFLA_IFNAME), name)
        }
    }

    public mutating func createVethPair(_ pair: VethPair) {
        message(UInt16(RTM_NEWLINK), [.acknowledge, .create, .exclusive]) {
            $0.linkHeader()
            $0.vethEnd(pair.host, pair)
            $0.nested(Int(IFLA_LINKINFO)) {
                $0.attribute(Int(IFLA_INFO_KIND), "veth")
                $0.nested(Int(IFLA_INFO_DATA)) {
                    $0.attribute(Int(VETH_INFO_PEER)) {
                        $0.linkHeader()
                        $0.vethEnd(pair.networkFunction, pair)
                    }
                }
            }
        }
    }

    private mutating func vethEnd(_ name: String, _ pair: VethPair) {
        attribute(Int(IFLA_IFNAME), name)
        attribute(Int(IFLA_MTU), pair.mtu)
        attribute(Int(IFLA_GROUP), pair.group)
        attribute(Int(IFLA_NUM_TX_QUEUES), 1 as UInt32)
        attribute(Int(IFLA_NUM_RX_QUEUES), 1 as UInt32)
    }

    public mutating func changeLink(_ change: LinkChange) {
        let up = UInt32(IFF_UP)
        message(UInt16(RTM_SETLINK), .acknowledge) {
            $0.linkHeader(index: change.index, flags: change.isUp == true ? up : 0, change: change.isUp == nil ? 0 : up)
            if let alias = change.alias { $0.attribute(Int(IFLA_IFALIAS), alias) }
            if let mtu = change.mtu { $0.attribute(Int(IFLA_MTU), mtu) }
            if let group = change.group { $0.attribute(Int(IFLA_GROUP), group) }
            guard change.disablesIPv6AddressGeneration || change.distrustsSources else { return }
            $0.nested(Int(IFLA_AF_SPEC)) { $0.addressFamilies(change) }
        }
    }

    /// IPV4_DEVCONF_… of <linux/ip.h>.
    private enum IPv4Setting {
        static let forwarding = 1
        static let reversePathFilter = 8
        static let ignoreARP = 19
    }

    private mutating func addressFamilies(_ change: LinkChange) {
        if change.distrustsSources {
            nested(Int(AF_INET)) {
                $0.nested(Int(IFLA_INET_CONF)) {
                    $0.attribute(IPv4Setting.reversePathFilter, 1 as UInt32)
                    $0.attribute(IPv4Setting.ignoreARP, 8 as UInt32)
                    $0.attribute(IPv4Setting.forwarding, 0 as UInt32)
                }
            }
        }
        guard change.disablesIPv6AddressGeneration else { return }
        nested(Int(AF_INET6)) {
            $0.attribute(Int(IFLA_INET6_ADDR_GEN_MODE), UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
        }
    }

    public mutating func deleteLink(index: UInt32) {
        message(UInt16(RTM_DELLINK), .acknowledge) { $0.linkHeader(index: index) }
    }
}
