import CLinux
import Linux

/// What this host and its devices can do, as `onvm check` prints it.
public struct HostReport {
    public let text: String

    /// For the network namespace of the calling thread.
    public static func make() throws -> HostReport {
        try Capability.requireAll()
        let features = try KernelFeatures.probe()
        let ports = try HostPorts()
        var lines = ["This host:"]
        lines += features.rows.map { row($0.name, $0.isThere, $0.effect) }
        lines.append("")
        lines.append("Its Ethernet devices:")
        for link in try ports.links() where link.address.count == 6 && !link.isLoopback && !link.name.hasPrefix("onvm") {
            lines += device(link, ports, features)
        }
        return HostReport(text: lines.joined(separator: "\n"))
    }

    private static func row(_ name: String, _ isThere: Bool, _ effect: String) -> String {
        "  \(isThere ? "yes" : "no ")  " + name.padding(toLength: 34) + effect
    }

    private static func device(_ link: Link, _ ports: HostPorts, _ features: KernelFeatures) -> [String] {
        let port = ports.describe(link)
        let offloads = ["rx-gro", "rx-gro-hw", "rx-lro", "tx-tcp-segmentation", "tx-checksum-ip-generic"]
            .filter(Set(ports.activeFeatures(of: link.name)).contains)
        let fits = features.multiBuffer || link.mtu <= LargestMTU.singleBuffer
        var program = "no XDP program"
        if let id = link.xdpProgram { program = "XDP program \(id) is attached, so onvm run would refuse this port" }
        return [
            "  \(link.name): \(link.isUp ? "up" : "down"), driver \(port.driver), \(port.queues) queue(s), MTU \(link.mtu)"
                + (fits ? "" : " (more than \(LargestMTU.singleBuffer), which needs XDP_USE_SG)"),
            "    \(program); native XDP: \(DriverTable.nativeXDP(port.driver))"
                + (port.isVirtual ? "; virtual, so checksums of its peers may be partial" : ""),
            "    offloads on: \(offloads.isEmpty ? "none that matter" : offloads.joined(separator: ", "))",
        ]
    }
}

extension KernelFeatures {
    fileprivate var rows: [(name: String, isThere: Bool, effect: String)] {
        [
            ("AF_XDP sockets", xdpSockets, "needed"),
            ("XDP_USE_SG, frames of many buffers", multiBuffer, "MTU above \(LargestMTU.singleBuffer)"),
            ("TX metadata", transmitMetadata, "the kernel fills in the checksums of what NFs send"),
            ("tcx", tcx, "the egress program attaches by a link; else by clsact"),
            ("Landlock, version \(landlockVersion)", landlockVersion > 0, "NFs see their document root and no other file"),
            ("seccomp filters", seccomp, "NFs have the system calls of their data path"),
            ("bpffs at /sys/fs/bpf", bpffsMounted, bpffsMounted ? "programs outlive the manager" : "onvm run mounts it"),
        ]
    }
}

/// Drivers whose support is known; for the others only attaching tells, and onvm run falls back by itself.
private enum DriverTable {
    private static let native: Set<String> = [
        "veth", "virtio_net", "tun", "i40e", "ice", "ixgbe", "ixgbevf", "igb", "igc", "mlx5_core", "mlx4_en", "bnxt_en", "ena",
        "gve", "hv_netvsc", "mana", "nfp", "qede", "sfc", "stmmac", "mvneta", "mvpp2", "xen_netfront", "bond", "vmxnet3",
        "fec", "cpsw", "dpaa2", "thunder_nicvf", "octeontx2", "netsec", "enetc", "lan966x-switch", "tsnep",
    ]

    static func nativeXDP(_ driver: String) -> String {
        native.contains(driver) ? "yes" : "unknown driver, else generic (slower, same function)"
    }
}

extension String {
    fileprivate func padding(toLength length: Int) -> String {
        self + String(repeating: " ", count: max(1, length - count))
    }
}
