import Foundation
import Glibc
import Linux
import Testing

/// The document root as NFs get it: what a host's directory shows, and no way out of it, nor into it.
@Suite struct DetachedTreeTests {
    /// A directory with a file, a program, a device, and a file system mounted in it. It is a shared mount, as those of most
    /// hosts are: what is done to it is done to its copies (mount_namespaces(7)), unless they are private.
    private final class Place {
        let path: String

        init() throws {
            guard geteuid() == 0 else { throw Bench.NotRoot() }
            path = "/var/tmp/onvm-tree-\(UUID().uuidString)"
            try make("")
            try #require(unsafe mount("none", path, "tmpfs", 0, "size=1m,mode=0755") == 0)
            try #require(unsafe mount("none", path, nil, UInt(MS_SHARED), nil) == 0)
            for directory in ["/below", "/mounted", "/later"] { try make(directory) }
            for file in ["/file", "/program", "/below/file"] {
                let made = FileManager.default.createFile(atPath: path + file, contents: Data("text".utf8))
                try #require(made)
            }
            try #require(unsafe chmod(path + "/program", 0o755) == 0)
            // /dev/null: character device 1, 3.
            try #require(unsafe mknod(path + "/device", S_IFCHR | 0o666, 1 << 8 | 3) == 0)
            try mountFileSystem("/mounted")
        }

        deinit {
            // With all that is mounted in it.
            _ = unsafe umount2(path, CInt(MNT_DETACH))
            try? FileManager.default.removeItem(atPath: path)
        }

        private func make(_ directory: String) throws { try #require(unsafe mkdir(path + directory, 0o755) == 0) }

        func mountFileSystem(_ directory: String) throws {
            try #require(unsafe mount("none", path + directory, "tmpfs", 0, "size=64k") == 0)
            try #require(FileManager.default.createFile(atPath: path + directory + "/file", contents: Data("text".utf8)))
        }

        func open() throws -> FileDescriptor { try FileDescriptor(opening: path, flags: O_PATH_ | O_DIRECTORY) }
        func detach() throws -> FileDescriptor { try FileDescriptor(detachedTreeOf: try open()) }
    }

    /// 0, or the errno.
    private func attempt(_ directory: borrowing FileDescriptor, _ name: String, _ flags: CInt) -> CInt {
        let descriptor = unsafe openat(directory.rawValue, name, flags)
        guard descriptor >= 0 else { return errno }
        _ = close(descriptor)
        return 0
    }

    private func inode(_ directory: borrowing FileDescriptor, _ name: String) throws -> ino_t {
        var information = stat()
        try #require(unsafe fstatat(directory.rawValue, name, &information, 0) == 0)
        return information.st_ino
    }

    @Test func theDirectoryAboveItIsItself() throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let plain = try place.open()
        let detached = try place.detach()
        let own = try inode(plain, ".")
        for way in ["..", "../..", "below/../..", "mounted/../.."] {
            let (out, held) = (try inode(plain, way), try inode(detached, way))
            #expect(out != own, "\(way) proves nothing")
            #expect(held == own, "\(way) leads out")
        }
        let (out, held) = (
            attempt(plain, "../../../etc/passwd", O_RDONLY), attempt(detached, "../../../etc/passwd", O_RDONLY)
        )
        #expect(out == 0)
        #expect(held == ENOENT)
    }

    @Test(arguments: ["file", "below/file", "mounted/file"]) func itIsReadAndNotWritten(name: String) throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let plain = try place.open()
        let detached = try place.detach()
        let (written, read, refused) = (
            attempt(plain, name, O_WRONLY), attempt(detached, name, O_RDONLY), attempt(detached, name, O_WRONLY)
        )
        #expect(written == 0)
        #expect(read == 0)
        #expect(refused == EROFS)
        let made = unsafe mkdirat(detached.rawValue, "new", 0o755) == 0 ? 0 : errno
        #expect(made == EROFS)
    }

    @Test func nothingInItIsExecutedAndNoDeviceOpened() throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let plain = try place.open()
        let detached = try place.detach()
        let executed = [plain.rawValue, detached.rawValue].map { directory in
            unsafe faccessat(directory, "program", X_OK, 0) == 0 ? 0 : errno
        }
        #expect(executed == [0, EACCES])
        let opened = (attempt(plain, "device", O_RDONLY), attempt(detached, "device", O_RDONLY))
        #expect(opened == (0, EACCES))
    }

    @Test(arguments: [".", "below", "mounted"]) func allOfItsMountsAreInert(name: String) throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let detached = try place.detach()
        let directory = unsafe openat(detached.rawValue, name, O_RDONLY)
        let inert = FileDescriptor(owning: directory)
        var information = statvfs()
        try #require(unsafe fstatvfs(inert.rawValue, &information) == 0)
        // ST_RDONLY, ST_NOSUID, ST_NODEV, ST_NOEXEC of statvfs(3); the last two are behind _GNU_SOURCE.
        #expect(information.f_flag & 0b1111 == 0b1111)
    }

    @Test func whatIsMountedLaterIsNotInIt() throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let plain = try place.open()
        let detached = try place.detach()
        try place.mountFileSystem("/later")
        let seen = (attempt(plain, "later/file", O_RDONLY), attempt(detached, "later/file", O_RDONLY))
        #expect(seen == (0, ENOENT))
    }

    /// A file system that the host takes out is not kept busy.
    @Test func whatIsUnmountedLaterLeavesIt() throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let detached = try place.detach()
        try #require(unsafe umount2(place.path + "/mounted", 0) == 0)
        let seen = attempt(detached, "mounted/file", O_RDONLY)
        #expect(seen == ENOENT)
    }

    @Test func whatIsWrittenLaterIsInIt() throws {
        let place = try Place()
        defer { withExtendedLifetime(place) {} }
        let detached = try place.detach()
        try #require(FileManager.default.createFile(atPath: place.path + "/new", contents: Data("text".utf8)))
        let seen = attempt(detached, "new", O_RDONLY)
        #expect(seen == 0)
    }
}

/// Behind _GNU_SOURCE (open(2)).
private let O_PATH_: CInt = 0o10_000_000
