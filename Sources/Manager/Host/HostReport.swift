import CLinux
import Linux

/// What this host and its devices can do, as `onvm check` prints it.
public struct HostReport {
    public let text: String

    /// For the network namespace of the calling thread. Without privileges it says less.
    public static func make() throws -> HostReport {
        var lines = ["This host:"]
        let missing = Capability.missing
        for capability in missing {
            lines.append(row("no", capability.name, "needed to \(capability.purpose)"))
        }
        if missing.isEmpty { lines.append(row("yes", "every capability onvm run needs", "NFs get none of them")) }
        // Trying sockets takes most of what running takes.
        let features = missing.isEmpty ? try KernelFeatures.probe() : nil
        if let features {
            lines += features.rows.map { row($0.isThere ? "yes" : "no", $0.name, $0.effect) }
        } else {
            lines.append("  What the kernel can do is found out by trying, which takes these capabilities.")
        }
        lines.append(groupRow())
        lines += ["", "Its Ethernet devices:"]
        lines += try devices(multiBuffer: features?.multiBuffer)
        return HostReport(text: lines.joined(separator: "\n"))
    }

    private static func groupRow() -> String {
        let plan = ControlGroupPlan.find(instance: "check")
        let usable = ControlGroupPlan.needed.filter { plan.missing[$0] == nil }
        guard let (controller, reason) = plan.missing.min(by: { $0.key < $1.key }) else {
            let version = plan.trees.allSatisfy(\.isUnified) ? "version 2" : "version 1"
            return row("yes", "control groups (\(version))", "an NF has its share of the CPU and a limit of memory")
        }
        let has = usable.isEmpty ? "" : " beside \(usable.joined(separator: ", "))"
        return row("no", "control group \(controller)\(has)", "NFs have resource limits only: \(reason)")
    }

    private static func row(_ answer: String, _ name: String, _ effect: String) -> String {
        "  \(answer.padded(to: 4)) \(name.padded(to: 36)) \(effect)"
    }

    private static func devices(multiBuffer: Bool?) throws -> [String] {
        let ports = try HostPorts()
        let links = try ports.links().filter {
            $0.address.count == 6 && !$0.isLoopback && SlotDeviceNames.number($0.name) == nil
        }
        guard !links.isEmpty else { return ["  none in this network namespace (--netns NAME looks into another)"] }
        return links.flatMap { device(ports.describe($0), ports, multiBuffer) }
    }

    private static func device(_ port: HostPort, _ ports: HostPorts, _ multiBuffer: Bool?) -> [String] {
        let link = port.link
        let active = Set(ports.activeFeatures(of: link.name))
        let offloads = ["rx-gro", "rx-gro-hw", "rx-lro", "tx-tcp-segmentation", "tx-checksum-ip-generic"]
            .filter(active.contains)
        var size = "MTU \(link.mtu)"
        if link.mtu > LargestMTU.singleBuffer, multiBuffer == false {
            size += " (too large: more than \(LargestMTU.singleBuffer) takes XDP_USE_SG)"
        }
        let program = link.xdpProgram.map { "program \($0) is attached, so onvm run would refuse this port" }
        return [
            "  \(link.name): \(link.isUp ? "up" : "down"), driver \(port.driver), \(port.queues) queue(s), \(size)",
            "    XDP: \(program ?? "no program attached"); \(nativeMode(of: link, ports))"
                + (port.isVirtual ? "; virtual, so checksums of its peers may be partial" : ""),
            "    offloads on: \(offloads.isEmpty ? "none that matter" : offloads.joined(separator: ", "))",
        ]
    }

    private static func nativeMode(of link: Link, _ ports: HostPorts) -> String {
        guard let features = ports.xdpFeatures(of: link) else {
            return "whether the driver runs it, attaching will tell (else in the network stack: slower, same function)"
        }
        guard features.contains(.native) else {
            return "the driver runs none, so it would run in the network stack (generic: slower, same function)"
        }
        let more = [(XDPFeatures.multiBuffer, "multi-buffer"), (.zeroCopy, "zero-copy sockets")]
            .filter { features.contains($0.0) }.map(\.1)
        return "the driver runs it (native)" + more.map { ", \($0)" }.joined()
    }
}

extension KernelFeatures {
    fileprivate var rows: [(name: String, isThere: Bool, effect: String)] {
        let metadata = "the kernel fills in the checksums of what NFs send"
        return [
            ("AF_XDP sockets", xdpSockets, "needed"),
            ("BTF (/sys/kernel/btf/vmlinux)", typeInformation, "needed"),
            ("XDP_USE_SG, frames of many buffers", multiBuffer, "MTU above \(LargestMTU.singleBuffer)"),
            (
                "TAP devices (/dev/net/tun)", tap,
                tap ? "NFs send up to 64 KiB at a time" : "NFs send by their sockets, packet by packet: slower"
            ),
            ("TX metadata", transmitMetadata, transmitMetadata ? metadata : "NFs compute checksums themselves"),
            ("tcx", tcx, "attaches the egress program where clsact is missing"),
            (
                "Landlock, version \(landlockVersion)", landlockVersion > 0,
                landlockVersion > 0
                    ? "NFs see their document root and no other file"
                    : "NFs' files are bounded by an empty root alone: a layer less (sandbox: strict refuses that)"
            ),
            ("seccomp filters", seccomp, "NFs have the system calls of their data path"),
            (
                "bpffs at /sys/fs/bpf", bpffsMounted,
                bpffsMounted ? "programs outlive the manager" : "onvm run mounts it"
            ),
        ]
    }
}

extension String {
    fileprivate func padded(to length: Int) -> String { self + String(repeating: " ", count: max(0, length - count)) }
}
