import HTTP1

/// One response that was promised and not yet acknowledged: everything needed to write any of its bytes again.
struct Response: BitwiseCopyable {
    /// Where the content comes from.
    enum Content: UInt8, BitwiseCopyable {
        /// A page that names the status, or nothing if the status has no content.
        case status
        /// The whole file, head prepared in the cache.
        case file
        /// One range of a file.
        case range
        /// Several ranges as multipart/byteranges.
        case parts
        /// 301 to the directory's name with a slash.
        case redirect
        /// 304 or 412 or 416, which tell the file's validators or size.
        case validators
        /// "HTTP/1.1 100 Continue"
        case interim
    }

    /// The Connection field, RFC 9112 §9.3.
    enum Persistence: UInt8, BitwiseCopyable { case implicit, keepAlive, close }

    static var none: UInt32 { .max }

    var status: Status
    var content: Content
    var persistence: Persistence = .implicit
    /// The answer to HEAD: the head says what the content would be.
    var isHead = false
    /// Query bytes kept for a redirect.
    var queryByteCount: UInt16 = 0
    var headByteCount: UInt32 = 0
    var next: UInt32 = Response.none
    var entry: UInt32 = Response.none
    /// A slot of the parts or of the query texts, by `content`.
    var auxiliary: UInt32 = Response.none
    /// Stream offset of the first byte.
    var start: UInt64 = 0
    /// Content bytes, also when they are not sent.
    var contentByteCount: UInt64 = 0
    /// First byte of the range.
    var first: UInt64 = 0
    /// Date, seconds since 1970.
    var date: Int64 = 0

    init(_ status: Status, _ content: Content = .status) {
        self.status = status
        self.content = content
    }

    /// All bytes on the wire.
    var byteCount: UInt64 { UInt64(headByteCount) &+ (isHead ? 0 : contentByteCount) }
    var end: UInt64 { start &+ byteCount }
}

/// The ranges of one multipart response and where its parts start in the content.
struct MultipartRanges: BitwiseCopyable {
    var ranges = ByteRangeSet()
    /// Offset in the content of each part's head; the last one used is that of the closing boundary.
    var starts = [17 of UInt64](repeating: 0)
    /// Written in hexadecimal.
    var boundary: UInt64 = 0
}
