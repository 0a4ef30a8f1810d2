import HTTP1

/// What the server knows about one path, kept as long as it is fresh or a response needs it.
///
/// It never changes while it is referenced; a path whose file has changed gets a new entry.
/// The entry's slot of text holds the path, then the head of a 200 response, then the content of a small file.
struct FileEntry: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable { case missing, forbidden, directory, file, failed }

    var hash: UInt64 = 0
    var size: UInt64 = 0
    var device: UInt64 = 0
    var inode: UInt64 = 0
    /// Nanoseconds since 1970.
    var modified: Int64 = 0
    var changed: Int64 = 0
    /// When the file system was last asked, on the monotonic clock.
    var checked: UInt64 = 0
    /// Different for every file ever opened: what read-ahead windows know a file by.
    var serial: UInt64 = 0
    /// Next entry of the same bucket.
    var chain: UInt32 = .max
    /// Responses that use the entry.
    var references: UInt32 = 0
    var descriptor: Int32 = -1
    var kind = Kind.missing
    /// Found by lookups. An entry that is out of date but still referenced is not.
    var isLinked = false
    /// Used since the clock hand last passed (second-chance eviction).
    var isRecent = false
    /// The content lies in the slot.
    var hasContent = false
    var pathByteCount: UInt16 = 0
    var headByteCount: UInt16 = 0
    /// Offsets in the slot.
    var head: UInt16 = 0
    var mediaType = ByteSlice(0, 0)
    /// Last-Modified, ETag and Accept-Ranges lines.
    var validators = ByteSlice(0, 0)
    var entityTag = ByteSlice(0, 0)

    var modifiedSeconds: Int64 {
        modified >= 0 ? modified / 1_000_000_000 : (modified - 999_999_999) / 1_000_000_000
    }
    var content: Int { Int(head) &+ Int(headByteCount) }
}
