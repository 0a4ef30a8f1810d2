import Foundation
import Linux

/// The user IDs of NFs: one a slot, from a range that systemd's conventions leave free (1879048192 to 2147483647, see
/// systemd's UIDS-GIDS document), divided by instance.
enum UserIDs {
    private static let first: UInt32 = 1_879_048_192
    private static let perInstance: UInt32 = 16_384

    static func first(instance: String) -> UInt32 {
        first + UInt32(InstanceHash.value(instance) >> 16 & 0x3FFF) * perInstance
    }

    /// Processes that run as one of these users. A zombie runs no more; its parent may be slow to ask for its status.
    static func processes(_ users: Range<UInt32>) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            guard let pid = Int32(name) else { return nil }
            var information = stat()
            guard unsafe stat("/proc/\(name)", &information) == 0, users.contains(information.st_uid) else {
                return nil
            }
            return ProcessIdentity.isRunning(pid) ? pid : nil
        }
    }

    /// Kills them and waits until they are gone, a second at most.
    /// - Returns: How many there were.
    static func killProcesses(_ users: Range<UInt32>) -> Int {
        let found = processes(users)
        for pid in found { kill(pid, SIGKILL) }
        for _ in 0..<100 where !found.isEmpty && !processes(users).isEmpty { usleep(10_000) }
        return found.count
    }
}
