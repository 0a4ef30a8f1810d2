import CLinux
import Glibc
import HTTP1

/// The files beneath one directory that were asked for lately: descriptors, heads of responses, and small contents.
///
/// Descriptors are bounded by the number of entries. Nothing outside the directory can be reached: every name goes
/// through openat2(2) with RESOLVE_BENEATH, so neither ".." nor a symbolic link leads out of it.
struct FileCache: ~Copyable {
    let directory: CInt
    private let validity: UInt64
    private let smallFileByteCount: Int
    var entries: Pool<FileEntry>
    var text: ByteSlots
    private var buckets: FixedTable<UInt32>
    private let bucketMask: UInt64
    private var serial: UInt64 = 0
    /// Second-chance eviction's hand.
    private var hand: UInt32 = 0

    private static var headByteCountLimit: Int { 512 }

    init(directory: CInt, _ configuration: WebServerConfiguration) throws(WebServerError) {
        let slot =
            WebServerConfiguration.pathByteCountLimit + 9 + Self.headByteCountLimit
            + configuration.smallFileByteCount
        var bucketCount = 16
        while bucketCount < configuration.cacheEntries * 2 { bucketCount *= 2 }
        let entries = try Pool<FileEntry>(capacity: configuration.cacheEntries)
        let text = try ByteSlots(slotByteCount: (slot + 4095) & ~4095, capacity: configuration.cacheEntries)
        buckets = try FixedTable(capacity: bucketCount)
        self.entries = entries
        self.text = text
        bucketMask = UInt64(bucketCount - 1)
        self.directory = directory
        validity = configuration.cacheValidityMilliseconds &* 1_000_000
        smallFileByteCount = configuration.smallFileByteCount
    }

    deinit {
        for index in 0..<UInt32(entries.highWater) where entries[index].descriptor >= 0 {
            _ = close(entries[index].descriptor)
        }
    }

    /// The entry of a path, asked of the file system if it is unknown or no longer fresh.
    /// Nil if every entry is in use by a response.
    mutating func entry(_ path: RawSpan, now: UInt64) -> UInt32? {
        let hash = Self.hash(path)
        if let index = find(path, hash) {
            entries[index].isRecent = true
            if now &- entries[index].checked <= validity { return index }
            return revalidate(index, path, hash, now)
        }
        return insert(path, hash, now)
    }

    mutating func retain(_ index: UInt32) { entries[index].references &+= 1 }

    mutating func release(_ index: UInt32) {
        entries[index].references &-= 1
        if entries[index].references == 0, !entries[index].isLinked { discard(index) }
    }

    // MARK: Table

    private func find(_ path: RawSpan, _ hash: UInt64) -> UInt32? {
        // 0 is an empty bucket: indices are stored plus one.
        var next = buckets[UInt32(truncatingIfNeeded: hash & bucketMask)] &- 1
        while next != .max {
            let entry = entries[next]
            if entry.hash == hash, Int(entry.pathByteCount) == path.byteCount,
                Self.areEqual(text.bytes(next, 0..<path.byteCount), path)
            {
                return next
            }
            next = entry.chain
        }
        return nil
    }

    private mutating func link(_ index: UInt32) {
        let bucket = UInt32(truncatingIfNeeded: entries[index].hash & bucketMask)
        entries[index].chain = buckets[bucket] &- 1
        entries[index].isLinked = true
        buckets[bucket] = index &+ 1
    }

    private mutating func unlink(_ index: UInt32) {
        let bucket = UInt32(truncatingIfNeeded: entries[index].hash & bucketMask)
        entries[index].isLinked = false
        if buckets[bucket] == index &+ 1 {
            buckets[bucket] = entries[index].chain &+ 1
            return
        }
        var previous = buckets[bucket] &- 1
        while entries[previous].chain != index { previous = entries[previous].chain }
        entries[previous].chain = entries[index].chain
    }

    private mutating func discard(_ index: UInt32) {
        if entries[index].descriptor >= 0 { _ = close(entries[index].descriptor) }
        entries[index].descriptor = -1
        entries.free(index)
    }

    /// A free entry, or that of the path not used for the longest time (approximately) and by no response.
    private mutating func claim() -> UInt32? {
        if let index = entries.allocate(FileEntry()) { return index }
        let count = UInt32(entries.highWater)
        for _ in 0..<count &* 2 {
            let index = hand
            hand = hand &+ 1 == count ? 0 : hand &+ 1
            guard entries[index].references == 0, entries[index].isLinked else { continue }
            if entries[index].isRecent {
                entries[index].isRecent = false
                continue
            }
            unlink(index)
            discard(index)
            return entries.allocate(FileEntry())
        }
        return nil
    }

    // MARK: File system

    private mutating func insert(_ path: RawSpan, _ hash: UInt64, _ now: UInt64) -> UInt32? {
        guard let index = claim() else { return nil }
        var writer = text.writer(index)
        writer.append(path)
        writer.append(octet: 0)
        var file = CLinux_file()
        let error = openFreeingDescriptors(index, &file)
        fill(index, path.byteCount, hash, now, file, error)
        link(index)
        return index
    }

    private mutating func revalidate(_ index: UInt32, _ path: RawSpan, _ hash: UInt64, _ now: UInt64) -> UInt32? {
        var file = CLinux_file()
        let error = openFreeingDescriptors(index, &file)
        let old = entries[index]
        let isSame =
            error == 0
            ? (old.kind == .file || old.kind == .directory) && old.inode == file.inode && old.device == file.device
                && old.size == file.size && old.modified == file.modified && old.changed == file.changed
            : old.kind == Self.kind(ofError: error)
        if isSame {
            if error == 0 { _ = close(file.descriptor) }
            entries[index].checked = now
            return index
        }
        unlink(index)
        if old.references == 0 { discard(index) }
        guard let fresh = claim() else {
            if error == 0 { _ = close(file.descriptor) }
            return nil
        }
        var writer = text.writer(fresh)
        writer.append(path)
        writer.append(octet: 0)
        fill(fresh, path.byteCount, hash, now, file, error)
        link(fresh)
        return fresh
    }

    /// With RLIMIT_NOFILE reached, closes files that no response needs, until one can be opened.
    private mutating func openFreeingDescriptors(_ index: UInt32, _ file: inout CLinux_file) -> CInt {
        while true {
            let error = open(index, &file)
            guard error == EMFILE || error == ENFILE, evictDescriptor(except: index) else { return error }
        }
    }

    private mutating func evictDescriptor(except kept: UInt32) -> Bool {
        for index in 0..<UInt32(entries.highWater)
        where index != kept && entries[index].descriptor >= 0 && entries[index].references == 0 {
            unlink(index)
            discard(index)
            return true
        }
        return false
    }

    private func open(_ index: UInt32, _ file: inout CLinux_file) -> CInt {
        unsafe text.bytes(index, 0..<WebServerConfiguration.pathByteCountLimit + 1).withUnsafeBytes { name in
            // Safe: a NUL was written behind the path, which is shorter than the range.
            unsafe CLinux_open_beneath(
                directory, name.baseAddress!.assumingMemoryBound(to: CChar.self), &file)
        }
    }

    private static func kind(ofError error: CInt) -> FileEntry.Kind {
        switch error {
        case ENOENT, ENOTDIR, ENAMETOOLONG: .missing
        // EXDEV: a symbolic link led out of the directory. ENXIO: a socket.
        case EACCES, EPERM, EXDEV, ELOOP, ENXIO, ENODEV: .forbidden
        default: .failed
        }
    }

    private mutating func fill(
        _ index: UInt32, _ pathByteCount: Int, _ hash: UInt64, _ now: UInt64, _ file: CLinux_file, _ error: CInt
    ) {
        var entry = FileEntry()
        entry.hash = hash
        entry.pathByteCount = UInt16(pathByteCount)
        entry.checked = now
        entry.isRecent = true
        if error != 0 {
            entry.kind = Self.kind(ofError: error)
            // Not remembered: the next request asks again.
            if entry.kind == .failed { entry.checked = now &- validity &- 1 }
            entries[index] = entry
            return
        }
        entry.inode = file.inode
        entry.device = file.device
        entry.size = file.size
        entry.modified = file.modified
        entry.changed = file.changed
        switch file.mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): entry.kind = .file
        case UInt32(S_IFDIR): entry.kind = .directory
        default: entry.kind = .forbidden
        }
        if entry.kind == .file {
            entry.descriptor = file.descriptor
            serial &+= 1
            entry.serial = serial
            writeHead(index, &entry)
            readContent(index, &entry)
        } else {
            _ = close(file.descriptor)
        }
        entries[index] = entry
    }

    /// The content of a small file is kept, and its descriptor is not.
    private mutating func readContent(_ index: UInt32, _ entry: inout FileEntry) {
        guard entry.size <= UInt64(smallFileByteCount) else { return }
        var writer = text.writer(index, from: entry.content)
        let size = Int(entry.size)
        guard writer.append(reading: entry.descriptor, at: 0, size) else { return }
        entry.hasContent = true
        _ = close(entry.descriptor)
        entry.descriptor = -1
    }

    static func hash(_ path: RawSpan) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(path.byteCount)
        var offset = 0
        while offset &+ 8 <= path.byteCount {
            // Safe: offset + 8 <= byteCount.
            let word = unsafe path.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            hash = mix(hash ^ word)
            offset &+= 8
        }
        var tail: UInt64 = 0
        while offset < path.byteCount {
            tail = tail << 8 | UInt64(path.octet(unchecked: offset))
            offset &+= 1
        }
        return mix(hash ^ tail)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return high ^ low
    }

    private static func areEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        var offset = 0
        while offset &+ 8 <= left.byteCount {
            // Safe: offset + 8 <= byteCount of both.
            let one = unsafe left.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            let other = unsafe right.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            if one != other { return false }
            offset &+= 8
        }
        while offset < left.byteCount {
            if left.octet(unchecked: offset) != right.octet(unchecked: offset) { return false }
            offset &+= 1
        }
        return true
    }
}
