/// What a client asks a manager: one JSON object on one line.
public struct ControlRequest: Codable, Equatable, Sendable {
    public var version: Int
    public var command: Command
    /// Which NF, for commands about one.
    public var slot: UInt32?

    public init(command: Command, slot: UInt32? = nil) {
        self.version = ControlAPI.version
        self.command = command
        self.slot = slot
    }

    public enum Command: String, Codable, CaseIterable, Sendable {
        /// Everything `onvm status --json` shows.
        case status
        /// Ends the process of an NF now; its slot is rebuilt with a fresh one.
        case killNF = "nf.kill"
        /// Asks an NF for its connections. The answer is what it showed last; when that is older than the request, ask
        /// again with `readConnections`.
        case requestConnections = "nf.connections"
        /// What the NF showed last.
        case readConnections = "nf.connections.read"
    }
}

public enum ControlAPI {
    /// Rises when an old client would misunderstand a new manager.
    public static let version = 1
    /// The longest request line, in bytes, with its newline.
    public static let requestByteCount = 4096
    /// The longest response line that a client reads, in bytes.
    public static let responseByteCount = 64 << 20
    /// Where a manager listens.
    public static func socketPath(instance: String) -> String { "\(runDirectory)/\(instance)/control.sock" }
    public static let runDirectory = "/run/onvm"
}
