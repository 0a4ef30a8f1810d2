/// The head of a request: what its request line and its fields say, as numbers and slices of the bytes it came in.
public struct RequestHead: BitwiseCopyable, Sendable {
    public enum Version: UInt8, Sendable, BitwiseCopyable { case http10, http11 }
    /// How the request target is written, RFC 9112 §3.2. `authority` is CONNECT's and is not looked into.
    public enum TargetForm: UInt8, Sendable, BitwiseCopyable { case origin, absolute, asterisk, authority }

    /// What the fields say in one bit each.
    public struct Flags: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt16
        @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// `Connection: close` / `keep-alive`, RFC 9112 §9.3.
        public static var close: Flags { @inlinable get { Flags(rawValue: 1) } }
        public static var keepAlive: Flags { @inlinable get { Flags(rawValue: 2) } }
        public static var hasContentLength: Flags { @inlinable get { Flags(rawValue: 4) } }
        public static var chunked: Flags { @inlinable get { Flags(rawValue: 8) } }
        public static var expectsContinue: Flags { @inlinable get { Flags(rawValue: 16) } }
        /// An expectation other than 100-continue, RFC 9110 §10.1.1.
        public static var expectsUnknown: Flags { @inlinable get { Flags(rawValue: 32) } }
        /// A list-based field came in more than one line; the slice is the first of them.
        public static var repeatedIfMatch: Flags { @inlinable get { Flags(rawValue: 64) } }
        public static var repeatedIfNoneMatch: Flags { @inlinable get { Flags(rawValue: 128) } }
        /// A transfer coding this server does not know (RFC 9112 §6.1: 501).
        static var unknownCoding: Flags { Flags(rawValue: 256) }
        static var hasTransferEncoding: Flags { Flags(rawValue: 512) }
    }

    public var method: Method = .unknown
    public var version: Version = .http11
    public var targetForm: TargetForm = .origin
    public var flags: Flags = []
    /// Bytes of the head, with empty lines before it and the empty line that ends it.
    public var byteCount: Int = 0
    public var contentLength: UInt64 = 0

    /// The request line without its CRLF; present in a rejected head, too, once it was complete.
    public var requestLine: ByteSlice = .absent
    /// The path as sent, still percent-encoded, without the query. It starts with "/" unless it is empty.
    public var path: ByteSlice = .absent
    /// The query with its "?", or absent.
    public var query: ByteSlice = .absent
    /// The authority the request is for: from an absolute-form target, else from Host.
    public var host: ByteSlice = .absent
    /// The field lines.
    public var fields: ByteSlice = .absent

    public var ifMatch: ByteSlice = .absent
    public var ifNoneMatch: ByteSlice = .absent
    public var ifModifiedSince: ByteSlice = .absent
    public var ifUnmodifiedSince: ByteSlice = .absent
    public var ifRange: ByteSlice = .absent
    public var range: ByteSlice = .absent
    public var userAgent: ByteSlice = .absent
    public var referer: ByteSlice = .absent

    public init() {}

    /// Whether the connection can carry another request after this one, RFC 9112 §9.3.
    public var isPersistent: Bool {
        if flags.contains(.close) { return false }
        return version == .http11 || flags.contains(.keepAlive)
    }

    public var hasBody: Bool { flags.contains(.chunked) || contentLength > 0 }
}

/// The bounds a head is held to.
public struct HeadLimits: Sendable, BitwiseCopyable {
    /// Longest request target (414) and longest field line without CRLF (431).
    public var lineByteCount: Int
    /// Most field lines (431).
    public var fieldCount: Int
    /// Most bytes of all field lines (431).
    public var fieldsByteCount: Int

    public init(lineByteCount: Int = 8192, fieldCount: Int = 100, fieldsByteCount: Int = 16384) {
        self.lineByteCount = lineByteCount
        self.fieldCount = fieldCount
        self.fieldsByteCount = fieldsByteCount
        precondition(headByteCount < Int(UInt16.max), "slices of a head are 16 bits wide")
    }

    /// No head, and no prefix of one that was not rejected yet, is longer.
    public var headByteCount: Int {
        // Method, two spaces, version, CRLF and the last CRLF are 49 bytes.
        lineByteCount + fieldsByteCount + HeadParser.emptyLineLimit * 2 + 64
    }
}

/// What the bytes received so far are.
public enum HeadResult: Equatable, Sendable, BitwiseCopyable {
    /// A proper beginning; parse again with more bytes.
    case incomplete
    case complete
    /// Answer with this status and close. The head holds what was understood before the fault.
    case invalid(Status)
}
