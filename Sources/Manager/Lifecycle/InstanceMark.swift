internal import BPF
import Glibc
import Linux

/// Makes sure that no two managers of one name work in one network namespace: each would take the devices of the other
/// for those of a dead one.
///
/// The lock in /run/onvm does so among managers that see the same /run. A mark is seen by all (`HostMark`), and goes
/// with the manager that has it.
enum InstanceMark {
    /// - Returns: The mark, to be kept.
    /// - Throws: `AlreadyRunning` when another process has one.
    static func take(_ instance: String) throws -> FileDescriptorBox {
        let name = try name(instance)
        let mark = FileDescriptorBox(try HostMark(name).release())
        // Whoever looks does so after its own mark is there: of two at the same moment at least one sees the other.
        guard try HostMark.names().count(where: { $0 == name }) == 1 else {
            throw AlreadyRunning(instance: instance, pid: nil)
        }
        return mark
    }

    /// Of the instance and the network namespace that the thread is in. A map's name has room for 32 bits.
    private static func name(_ instance: String) throws -> String {
        var namespace = stat()
        guard unsafe stat("/proc/thread-self/ns/net", &namespace) == 0 else {
            throw HostError("look at /proc/thread-self/ns/net: \(Errno.current)")
        }
        let hash = InstanceHash.value("\(instance) \(namespace.st_dev) \(namespace.st_ino)")
        let digits = String(UInt32(truncatingIfNeeded: hash ^ hash >> 32), radix: 16)
        return "onvm_i_" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
