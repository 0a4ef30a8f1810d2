/// What a topology is checked against besides itself: the devices and directories of this host.
public protocol TopologyHost {
    var deviceNames: [String] { get }
    /// The unicast addresses of a device that exists.
    func addresses(of device: String) -> [IPAddress]
    /// The names that `nf` may have; empty when they are not known.
    var networkFunctions: [String] { get }
    func documentRoot(at path: String) -> DocumentRootStatus
    /// Layers of the NFs' sandbox that this host does not have, each with what would bring it.
    var missingSandboxLayers: [String] { get }
}

/// Whether NFs, which run under uids of their own and have no capability, could serve a directory.
public enum DocumentRootStatus: Equatable, Sendable {
    case usable
    case missing
    case notDirectory
    /// Nobody but the owner or group may list and enter it; the low nine mode bits.
    case unreadable(mode: UInt32)
}
