import HTTP1

/// Every limit of a web server; README.md says what each is for.
public struct WebServerConfiguration: Equatable, Sendable {
    /// File served for a directory; one path segment.
    public var index = "index.html"
    public var headerTimeoutMilliseconds: UInt64 = 10_000
    public var idleTimeoutMilliseconds: UInt64 = 60_000
    public var bodyTimeoutMilliseconds: UInt64 = 60_000
    public var maximumBodyByteCount: UInt64 = 1 << 20
    public var maximumHeaderByteCount = 16_384
    public var maximumHeaderCount = 100
    public var maximumLineByteCount = 8_192
    /// Requests after which a connection is closed; 0 is no limit.
    public var keepAliveRequests: UInt32 = 0
    public var servesDotFiles = false
    public var cacheEntries = 512
    public var cacheValidityMilliseconds: UInt64 = 100
    public var smallFileByteCount = 4_096
    public var writesAccessLog = false
    public var connections = 1_024

    public init() {}

    /// Responses of one connection that are not acknowledged yet: how deep a client may pipeline.
    static var pipelineDepth: Int { 32 }
    /// Response slots kept free for connections that have none in use: an interim response, a response, a refusal.
    var reservedResponses: Int { connections * 3 }
    /// Response slots for those that have.
    static var sharedResponses: Int { 4_096 }
    static var pathByteCountLimit: Int { 1_023 }
    static var queryByteCountLimit: Int { 2_048 }
    /// From the acknowledgement of the last response to the reset of a client that does not close (RFC 9112 §9.6).
    static var lingerNanoseconds: UInt64 { 5_000_000_000 }

    var headLimits: HeadLimits {
        HeadLimits(
            lineByteCount: maximumLineByteCount, fieldCount: maximumHeaderCount,
            fieldsByteCount: maximumHeaderByteCount)
    }
}

/// Why a web server could not be set up.
public enum WebServerError: Error, Equatable, Sendable {
    /// mmap(2) failed with this errno.
    case memory(Int32)
}
