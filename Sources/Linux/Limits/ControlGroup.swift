import CLinux
import Glibc

/// One control group: a directory of a cgroup file system, whose files are its settings (cgroups(7)).
public struct ControlGroup: Equatable, Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    public func child(_ name: String) -> ControlGroup { ControlGroup(path: path + "/" + name) }

    /// Whether it is a directory of a cgroup file system, and not of any other.
    public var exists: Bool { unsafe CLinux_is_control_group(path) != 0 }

    /// - Returns: false when it was there already.
    @discardableResult
    public func make() throws(ControlGroupError) -> Bool {
        guard unsafe mkdir(path, 0o755) != 0 else { return true }
        guard errno == EEXIST else { throw ControlGroupError("make \(path)", .current) }
        return false
    }

    /// Writes a setting; `requires: false` passes over a file that this kernel does not have.
    public func set(_ file: String, _ value: String, requires: Bool = true) throws(ControlGroupError) {
        do throws(Errno) {
            let descriptor = try open(file, O_WRONLY)
            let bytes = Array(value.utf8)
            guard unsafe write(descriptor.rawValue, bytes, bytes.count) == bytes.count else { throw .current }
        } catch {
            guard requires || error.rawValue != ENOENT else { return }
            throw ControlGroupError("write \(value) to \(path)/\(file)", error)
        }
    }

    /// A setting without the newline at its end; nil when it cannot be read.
    public func text(_ file: String) -> String? {
        guard let descriptor = try? open(file, O_RDONLY) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(descriptor.rawValue, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self).trimmingNewline
    }

    /// The number after `key` in a file of "key number" lines.
    public func number(_ key: String, in file: String) -> UInt64? {
        for line in (text(file) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return UInt64(words[1]) }
        }
        return nil
    }

    public func open(_ file: String, _ flags: CInt) throws(Errno) -> FileDescriptor {
        try FileDescriptor(opening: path + "/" + file, flags: flags)
    }

    /// The group itself, for clone3(2).
    public func openDirectory() throws(Errno) -> FileDescriptor {
        try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    }

    /// The names of the groups in it.
    public var children: [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes it with all groups in it. Processes that have just ended hold a group for a moment (EBUSY), so it is tried
    /// for a while.
    public func removeTree(attempts: Int = 100) throws(ControlGroupError) {
        for name in children { try child(name).removeTree(attempts: attempts) }
        for attempt in 1...attempts {
            if unsafe rmdir(path) == 0 || errno == ENOENT { return }
            guard errno == EBUSY, attempt < attempts else { throw ControlGroupError("remove \(path)", .current) }
            usleep(10_000)
        }
    }
}

/// What of a control group could not be done.
public struct ControlGroupError: Error, CustomStringConvertible, Sendable {
    public let operation: String
    public let errno: Errno

    init(_ operation: String, _ errno: Errno) {
        self.operation = operation
        self.errno = errno
    }

    public var description: String { "\(operation): \(errno)" }
}

extension String {
    fileprivate var trimmingNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
