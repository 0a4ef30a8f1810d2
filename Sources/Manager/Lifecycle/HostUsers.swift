import Foundation
import Glibc

/// User and group IDs of this host that are in use or set aside.
enum HostUsers {
    /// Those within `bounds`, from every source there is.
    static func taken(within bounds: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
        var found = accounts()
        for file in ["/etc/subuid", "/etc/subgid"] {
            let data = FileManager.default.contents(atPath: file) ?? Data()
            found += subordinates(String(decoding: data, as: UTF8.self))
        }
        for pid in ProcessTable.pids { found += ProcessTable.users(of: pid) + namespaceUsers(of: pid) }
        return found.filter { $0.overlaps(bounds) }
    }

    /// getpwent(3) and getgrent(3): what the host's name services list.
    private static func accounts() -> [ClosedRange<UInt32>] {
        var found: [ClosedRange<UInt32>] = []
        setpwent()
        while let entry = unsafe getpwent() {
            unsafe found += [single(entry.pointee.pw_uid), single(entry.pointee.pw_gid)]
        }
        endpwent()
        setgrent()
        while let entry = unsafe getgrent() { unsafe found.append(single(entry.pointee.gr_gid)) }
        endgrent()
        return found
    }

    private static func single(_ id: UInt32) -> ClosedRange<UInt32> { id...id }

    /// Lines `OWNER:FIRST:COUNT` (subuid(5)); others are not for us to complain about.
    static func subordinates(_ text: String) -> [ClosedRange<UInt32>] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, let first = UInt32(fields[1]), let count = UInt32(fields[2]) else { return nil }
            return range(first, count)
        }
    }

    /// What a user namespace stands for outside (user_namespaces(7)); the initial one, which is all, is nobody's.
    static func mapped(_ text: String) -> [ClosedRange<UInt32>] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count == 3, let first = UInt32(fields[1]), let count = UInt32(fields[2]), count < .max else {
                return nil
            }
            return range(first, count)
        }
    }

    private static func namespaceUsers(of pid: Int32) -> [ClosedRange<UInt32>] {
        ["uid_map", "gid_map"].flatMap { mapped(readProcFile("/proc/\(pid)/\($0)") ?? "") }
    }

    private static func range(_ first: UInt32, _ count: UInt32) -> ClosedRange<UInt32>? {
        guard count > 0 else { return nil }
        let (last, overflow) = first.addingReportingOverflow(count - 1)
        return first...(overflow ? .max : last)
    }
}
