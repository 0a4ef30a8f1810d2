import Linux
import Logging

/// A port of the topology as it is on this host.
struct HostPort: Equatable {
    var link: Link
    var driver: String
    var queues: UInt32
    var mode: XDPMode?

    /// Its peers may leave checksums to be filled in later.
    var isVirtual: Bool { !link.kind.isEmpty || Self.virtualDrivers.contains(driver) }
    private static let virtualDrivers = ["virtio_net", "xen_netfront", "vif", "hv_netvsc", "veth", "tun"]

    var interface: PortInterface {
        PortInterface(
            name: link.name, index: link.index, mac: link.address, isVirtual: isVirtual, isVeth: link.kind == "veth")
    }
}

/// Finds ports, and changes and restores their settings.
final class HostPorts {
    private var netlink: NetlinkSocket
    private let ethtool: Ethtool
    private let featureNames: EthtoolFeatureNames

    init() throws {
        netlink = try NetlinkSocket()
        ethtool = try Ethtool()
        featureNames = try EthtoolFeatureNames(ethtool, device: "lo")
    }

    func links() throws -> [Link] { try netlink.links() }

    /// Every address of the network namespace.
    func addresses() throws -> [IPAddress] { try netlink.addresses().compactMap { IPAddress(bytes: $0.bytes) } }

    func port(named device: String) throws -> HostPort {
        guard let link = try netlink.link(named: device) else {
            throw HostError("there is no network device \"\(device)\"")
        }
        guard link.address.count == 6, !link.isLoopback else { throw HostError("\(device) is not an Ethernet device") }
        guard link.isUp else { throw HostError("\(device) is down; ip link set \(device) up") }
        return describe(link)
    }

    func describe(_ link: Link) -> HostPort {
        HostPort(
            link: link, driver: (try? ethtool.driver(of: link.name)) ?? "unknown",
            queues: (try? ethtool.queueCount(of: link.name)) ?? link.rxQueues)
    }

    /// Nil where the kernel or the driver does not say.
    func xdpFeatures(of link: Link) -> XDPFeatures? {
        guard var family = try? NetdevFamily() else { return nil }
        return (try? family.xdpFeatures(index: link.index)) ?? nil
    }

    func activeFeatures(of device: String) -> [String] {
        (try? ethtool.features(of: device, featureNames))?.active ?? []
    }

    /// Frames merged by GRO fit no slot. In generic mode they reach the program, so receive aggregation goes off.
    /// - Returns: What was on before.
    func disableAggregation(of device: String) throws -> ChangedFeatures {
        let wanted = ["rx-gro", "rx-gro-hw", "rx-lro"]
        let before = try ethtool.features(of: device, featureNames)
        let active = wanted.filter { before.isActive($0) && before.changeable.contains($0) }
        guard !active.isEmpty else { return ChangedFeatures(device: device, turnedOff: []) }
        try ethtool.setFeatures(Dictionary(uniqueKeysWithValues: active.map { ($0, false) }), of: device, featureNames)
        return ChangedFeatures(device: device, turnedOff: active)
    }

    func restore(_ changed: ChangedFeatures) throws {
        guard !changed.turnedOff.isEmpty else { return }
        let wanted = Dictionary(changed.turnedOff.map { ($0, true) }) { first, _ in first }
        try ethtool.setFeatures(wanted, of: changed.device, featureNames)
    }
}

/// Settings of a port that were changed and have to be restored.
struct ChangedFeatures: Codable, Equatable {
    var device: String
    var turnedOff: [String]
}
