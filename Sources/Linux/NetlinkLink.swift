import CLinux
import Glibc

/// A network device as RTM_NEWLINK describes it.
public struct Link: Equatable, Sendable {
    public var index: UInt32
    public var name: String
    /// `IFF_UP` and the others (netdevice(7)).
    public var flags: UInt32
    /// The hardware address; empty for devices that have none.
    public var address: [UInt8]
    public var mtu: UInt32
    public var alias: String
    /// The kind of a virtual device, such as "veth"; empty for a physical one.
    public var kind: String
    public var group: UInt32
    public var rxQueues: UInt32
    public var txQueues: UInt32
    /// The program IDs attached by mode; nil where there is none.
    public var nativeXDP: UInt32?
    public var genericXDP: UInt32?
    public var offloadXDP: UInt32?

    public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    public var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }
    public var xdpProgram: UInt32? { nativeXDP ?? genericXDP ?? offloadXDP }

    /// Nil for other messages.
    public init?(_ message: NetlinkMessage) {
        guard message.type == UInt16(RTM_NEWLINK), message.payload.count >= Self.headerByteCount else { return nil }
        // struct ifinfomsg: family, pad, type, index, flags, change.
        index = message.payload.integer(at: 4)
        flags = message.payload.integer(at: 8)
        let attributes = NetlinkAttributes(message.payload.dropFirst(Self.headerByteCount))
        name = attributes[Int(IFLA_IFNAME)]?.text ?? ""
        address = attributes[Int(IFLA_ADDRESS)].map(Array.init) ?? []
        mtu = attributes[Int(IFLA_MTU)]?.integer(at: 0) ?? 0
        alias = attributes[Int(IFLA_IFALIAS)]?.text ?? ""
        group = attributes[Int(IFLA_GROUP)]?.integer(at: 0) ?? 0
        rxQueues = attributes[Int(IFLA_NUM_RX_QUEUES)]?.integer(at: 0) ?? 1
        txQueues = attributes[Int(IFLA_NUM_TX_QUEUES)]?.integer(at: 0) ?? 1
        kind = attributes[Int(IFLA_LINKINFO)].flatMap { NetlinkAttributes($0)[Int(IFLA_INFO_KIND)]?.text } ?? ""
        readXDP(attributes[Int(IFLA_XDP)])
    }

    /// With one program the kernel gives IFLA_XDP_PROG_ID and its mode; with several, one ID a mode
    /// (rtnl_xdp_fill in net/core/rtnetlink.c).
    private mutating func readXDP(_ nested: ArraySlice<UInt8>?) {
        guard let nested else { return }
        let attributes = NetlinkAttributes(nested)
        nativeXDP = attributes[Int(IFLA_XDP_DRV_PROG_ID)]?.integer(at: 0)
        genericXDP = attributes[Int(IFLA_XDP_SKB_PROG_ID)]?.integer(at: 0)
        offloadXDP = attributes[Int(IFLA_XDP_HW_PROG_ID)]?.integer(at: 0)
        guard let program = attributes[Int(IFLA_XDP_PROG_ID)]?.integer(at: 0) as UInt32?, program != 0 else { return }
        switch Int(attributes[Int(IFLA_XDP_ATTACHED)]?.first ?? 0) {
        case Int(XDP_ATTACHED_DRV): nativeXDP = program
        case Int(XDP_ATTACHED_SKB): genericXDP = program
        case Int(XDP_ATTACHED_HW): offloadXDP = program
        default: break
        }
    }

    static let headerByteCount = 16
}

extension NetlinkSocket {
    /// Every device of the namespace.
    public mutating func links() throws(NetlinkError) -> [Link] {
        try dump("list network devices") { writer in
            writer.message(UInt16(RTM_GETLINK), .dump) { $0.linkHeader() }
        }.compactMap(Link.init)
    }

    /// The device of that name, or nil.
    public mutating func link(named name: String) throws(NetlinkError) -> Link? {
        do {
            return try perform("look up device \(name)") { $0.getLink(named: name) }.compactMap(Link.init).first
        } catch {
            guard error.errno == Errno(rawValue: ENODEV) else { throw error }
            return nil
        }
    }

    /// Makes veth pairs, down, and tells their indices in the same order.
    public mutating func createVethPairs(_ pairs: [VethPair]) throws(NetlinkError) -> [VethIndices] {
        let operation = pairs.count == 1 ? "create veth pair \(pairs[0].host)" : "create \(pairs.count) veth pairs"
        let links = try perform(operation) { writer in
            for pair in pairs {
                writer.createVethPair(pair)
                writer.getLink(named: pair.host)
                writer.getLink(named: pair.networkFunction)
            }
        }.compactMap(Link.init)
        guard links.count == 2 * pairs.count else { throw NetlinkError(operation: operation, errno: .invalid) }
        return pairs.indices.map {
            VethIndices(host: links[2 * $0].index, networkFunction: links[2 * $0 + 1].index)
        }
    }

    /// Applies changes to links, all in one system call.
    public mutating func change(_ changes: [LinkChange]) throws(NetlinkError) {
        guard let first = changes.first else { return }
        try perform("configure device \(first.index)") { writer in
            for change in changes { writer.changeLink(change) }
        }
    }

    /// Deletes devices; those that have gone already are no error.
    public mutating func deleteLinks(indices: [UInt32]) throws(NetlinkError) {
        for index in indices {
            do {
                try perform("delete device \(index)") { $0.deleteLink(index: index) }
            } catch {
                guard error.errno == Errno(rawValue: ENODEV) else { throw error }
            }
        }
    }

    /// Deletes every device of a group in one go, with one grace period for all (rtnl_group_dellink in
    /// net/core/rtnetlink.c). The caller has made sure that the group holds nothing else.
    public mutating func deleteLinks(group: UInt32) throws(NetlinkError) {
        try perform("delete device group \(group)") { writer in
            writer.message(UInt16(RTM_DELLINK), .acknowledge) {
                $0.linkHeader()
                $0.attribute(Int(IFLA_GROUP), group)
            }
        }
    }
}
