// Only the names other modules compile against, until the stack lands.
public import PacketHeaders

/// A point in time on a monotonic clock.
public struct Instant: Comparable, Sendable, BitwiseCopyable {
    public var nanoseconds: UInt64
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Why a connection ended.
public enum CloseReason: UInt8, Sendable { case finished, reset, timedOut, aborted, unreachable }

/// An address and port of one end of a connection.
public struct Endpoint: Equatable, Sendable, BitwiseCopyable {
    public var address: Address
    public var port: UInt16
    public init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }
}
