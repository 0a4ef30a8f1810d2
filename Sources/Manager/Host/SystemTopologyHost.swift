import CLinux
import Glibc
import Linux

/// The devices and directories of this host, for checking topologies. The thread is in the ports' network namespace.
public struct SystemTopologyHost: TopologyHost {
    public let deviceNames: [String]
    private let addressesOfDevice: [String: [IPAddress]]

    public let networkFunctions: [String]

    /// - Parameter networkFunctions: What `NetworkFunctionProgram.names` says.
    public init(networkFunctions: [String]) throws {
        self.networkFunctions = networkFunctions
        var netlink = try NetlinkSocket()
        let links = try netlink.links()
        let names = Dictionary(links.map { ($0.index, $0.name) }) { first, _ in first }
        deviceNames = links.map(\.name)
        var addresses: [String: [IPAddress]] = [:]
        for address in try netlink.addresses() {
            guard let name = names[address.index], let value = IPAddress(bytes: address.bytes) else { continue }
            addresses[name, default: []].append(value)
        }
        addressesOfDevice = addresses
    }

    public func addresses(of device: String) -> [IPAddress] { addressesOfDevice[device] ?? [] }

    public var missingSandboxLayers: [String] {
        let landlock = "Landlock (CONFIG_SECURITY_LANDLOCK, and landlock among lsm= on the kernel's command line)"
        return CLinux_landlock_version() > 0 ? [] : [landlock]
    }

    public func documentRoot(at path: String) -> DocumentRootStatus {
        var information = stat()
        guard unsafe stat(path, &information) == 0 else { return .missing }
        guard information.st_mode & S_IFMT == S_IFDIR else { return .notDirectory }
        let others: mode_t = S_IROTH | S_IXOTH
        return information.st_mode & others == others ? .usable : .unreadable(mode: information.st_mode & 0o777)
    }
}
