/// A log that NFs write by way of a log writer.
public struct LogStatus: Codable, Equatable, Sendable {
    /// The file; nil for the manager's own standard error.
    public var path: String?
    /// What is written, whose it is included.
    public var lines: UInt64 = 0
    public var bytes: UInt64 = 0
    /// Lines that had bytes which are not printable.
    public var escaped: UInt64 = 0
    /// Lines that are not whole in the log, or not there.
    public var cut: UInt64 = 0
    /// How often an NF had to wait since it wrote more than its rate.
    public var throttled: UInt64 = 0
    /// Lines that NFs gave up, as they say themselves.
    public var dropped: UInt64 = 0
    /// How often the file was renamed for its size.
    public var rotations: UInt64 = 0
    /// Of the log writer; nil while it is restarted.
    public var writerPid: Int32?
    public var writerRestarts: UInt64 = 0
    /// Why nothing can be written now.
    public var error: String?

    public init() {}
}
