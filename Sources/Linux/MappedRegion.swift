import Glibc
import CLinux

/// Memory mapped by mmap(2); unmapped on deinit.
@safe public struct MappedRegion: ~Copyable {
    /// Where the region starts; valid for `byteCount` bytes while this value lives.
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// Maps a file or a kernel ring, shared and writable.
    public init(_ file: borrowing FileDescriptor, offset: Int = 0, byteCount: Int, populate: Bool = true) throws(Errno) {
        try self.init(
            descriptor: file.rawValue, offset: offset, byteCount: byteCount,
            flags: MAP_SHARED | (populate ? MAP_POPULATE : 0))
    }

    /// Zeroed private memory whose pages exist only once they are touched.
    public init(anonymous byteCount: Int) throws(Errno) {
        try self.init(
            descriptor: -1, offset: 0, byteCount: byteCount, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
    }

    private init(descriptor: CInt, offset: Int, byteCount: Int, flags: CInt) throws(Errno) {
        let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, descriptor, off_t(offset))
        guard let base = unsafe address, unsafe base != MAP_FAILED else { throw .current }
        unsafe self.base = unsafe base
        self.byteCount = byteCount
    }

    deinit { unsafe munmap(base, byteCount) }
}

/// Anonymous memory that two processes can map (memfd_create(2)).
public enum SharedMemory {
    /// A descriptor of `byteCount` zero bytes whose size is sealed: no holder can shrink it under another's mapping.
    public static func create(name: String, byteCount: Int) throws(Errno) -> FileDescriptor {
        let file = FileDescriptor(owning: try Errno.check(unsafe CLinux_memfd_create(name)))
        try Errno.check(ftruncate(file.rawValue, off_t(byteCount)))
        try Errno.check(CLinux_seal_size(file.rawValue))
        return file
    }
}
