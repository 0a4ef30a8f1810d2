import Foundation
import Glibc

/// Sockets of the host that listen where a service takes connections: the service's clients never reach them.
public enum HostListeners {
    /// One line for each, for the operator. For the network namespace of the calling thread.
    public static func conflicts(with topology: Topology) -> [String] {
        let sockets = listening()
        guard !sockets.isEmpty else { return [] }
        var lines: [String] = []
        for service in topology.services {
            for listen in service.listen {
                for socket in sockets where socket.takes(listen) {
                    lines.append(
                        "port \(listen.port) has a listener of the host, \(owner(of: socket.inode)) on "
                            + "\(socket.address?.description(port: socket.port) ?? "*:\(socket.port)"): "
                            + "clients of \"\(service.name)\" never reach it")
                }
            }
        }
        return lines
    }

    struct Socket: Equatable {
        /// nil: every one.
        var address: IPAddress?
        var port: UInt16
        var inode: UInt64

        /// Whether a client of the service could have been its client. A port never sees the loopback addresses.
        func takes(_ listen: Topology.Listen) -> Bool {
            guard port == listen.port else { return false }
            guard let address else { return true }
            guard let wanted = listen.address else { return !address.isLoopback }
            return address == wanted
        }
    }

    private static func listening() -> [Socket] {
        ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].flatMap { path in
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [Socket]() }
            return sockets(in: text)
        }
    }

    /// Those in state LISTEN (proc(5), /proc/net/tcp). Addresses are 32-bit words in the host's byte order.
    static func sockets(in table: String) -> [Socket] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A", let inode = UInt64(fields[9]) else { return nil }
            let local = fields[1].split(separator: ":")
            guard local.count == 2, let port = UInt16(local[1], radix: 16), let bytes = bytes(local[0]) else {
                return nil
            }
            let isAny = bytes.allSatisfy { $0 == 0 }
            return Socket(address: isAny ? nil : IPAddress(bytes: bytes), port: port, inode: inode)
        }
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count == 8 || text.utf8.count == 32 else { return nil }
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            unsafe withUnsafeBytes(of: word) { unsafe bytes.append(contentsOf: $0) }
            rest = rest.dropFirst(8)
        }
        return bytes
    }

    /// Its process as far as /proc tells; sockets have no owner there but whoever has them open.
    private static func owner(of inode: UInt64) -> String {
        let wanted = "socket:[\(inode)]"
        let files = FileManager.default
        for entry in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(entry) != nil {
            for descriptor in (try? files.contentsOfDirectory(atPath: "/proc/\(entry)/fd")) ?? [] {
                let target = try? files.destinationOfSymbolicLink(atPath: "/proc/\(entry)/fd/\(descriptor)")
                guard target == wanted else { continue }
                let name = (try? String(contentsOfFile: "/proc/\(entry)/comm", encoding: .utf8)) ?? ""
                return "\(name.trimmingCharacters(in: .whitespacesAndNewlines)) (process \(entry))"
            }
        }
        return "a process that /proc does not show"
    }
}

extension IPAddress {
    /// RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3.
    var isLoopback: Bool { isIPv4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1 }
}
