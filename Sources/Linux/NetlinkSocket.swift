import CLinux
import Glibc

/// A request that the kernel refused.
public struct NetlinkError: Error, CustomStringConvertible, Sendable {
    /// What was asked for, as in "create veth pair onvm3h".
    public let operation: String
    public let errno: Errno
    /// The kernel's own explanation.
    public let text: String?

    public init(operation: String, errno: Errno, text: String? = nil) {
        self.operation = operation
        self.errno = errno
        self.text = text
    }

    public var description: String {
        let reason = text.map { "\($0): " } ?? ""
        let hint = errno == .notPermitted ? " (CAP_NET_ADMIN is missing)" : ""
        return "\(operation): \(reason)\(errno)\(hint)"
    }
}

/// A netlink socket of the network namespace its thread was in when it was opened (rtnetlink(7)).
public struct NetlinkSocket: ~Copyable {
    public let descriptor: FileDescriptor
    private var nextSequence: UInt32 = 1

    /// For links and addresses.
    public init() throws(NetlinkError) { try self.init(protocol: NETLINK_ROUTE) }

    init(protocol: CInt) throws(NetlinkError) {
        do {
            descriptor = FileDescriptor(
                owning: try Errno.check(
                    socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), `protocol`)))
        } catch {
            throw NetlinkError(operation: "open a netlink socket", errno: error)
        }
        // Both only improve messages: reasons in text, and acknowledgements that do not repeat the request.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            var on: CInt = 1
            unsafe setsockopt(descriptor.rawValue, SOL_NETLINK, option, &on, socklen_t(MemoryLayout<CInt>.size))
        }
        // The answers to a batch wait here until it was sent; a link's takes some 4 KiB of kernel memory.
        var byteCount: CInt = 4 << 20
        unsafe setsockopt(
            descriptor.rawValue, SOL_SOCKET, SO_RCVBUFFORCE, &byteCount, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Sends a batch of requests, each of which must ask for an acknowledgement.
    /// - Returns: The messages that answered, without acknowledgements.
    /// - Throws: The first refusal, after all were answered.
    @discardableResult
    public mutating func perform(
        _ operation: String, _ build: (inout NetlinkWriter) -> Void
    ) throws(NetlinkError) -> [NetlinkMessage] {
        var answers: [NetlinkMessage] = []
        var refusal: NetlinkError?
        var pending = try send(operation, build)
        while pending > 0 {
            for message in try receive(operation) {
                guard let result = message.acknowledgement else {
                    answers.append(message)
                    continue
                }
                pending -= 1
                guard result.errno.rawValue != 0, refusal == nil else { continue }
                refusal = NetlinkError(operation: operation, errno: result.errno, text: result.text)
            }
        }
        if let refusal { throw refusal }
        return answers
    }

    /// Sends one dump request and collects the answer.
    public mutating func dump(
        _ operation: String, _ build: (inout NetlinkWriter) -> Void
    ) throws(NetlinkError) -> [NetlinkMessage] {
        var answers: [NetlinkMessage] = []
        _ = try send(operation, build)
        while true {
            for message in try receive(operation) {
                if message.isDone { return answers }
                if let result = message.acknowledgement {
                    throw NetlinkError(operation: operation, errno: result.errno, text: result.text)
                }
                answers.append(message)
            }
        }
    }

    private mutating func send(
        _ operation: String, _ build: (inout NetlinkWriter) -> Void
    ) throws(NetlinkError) -> UInt32 {
        var writer = NetlinkWriter(firstSequence: nextSequence)
        build(&writer)
        nextSequence += writer.messageCount
        let bytes = writer.bytes
        let sent = unsafe bytes.withUnsafeBytes { raw in
            unsafe Glibc.send(descriptor.rawValue, raw.baseAddress, raw.count, 0)
        }
        guard sent == bytes.count else { throw NetlinkError(operation: operation, errno: .current) }
        return writer.messageCount
    }

    private func receive(_ operation: String) throws(NetlinkError) -> [NetlinkMessage] {
        // The kernel sizes dump datagrams by what was read before, up to 32 KiB (netlink_dump in af_netlink.c).
        let limit = 64 * 1024
        var received = 0
        let datagram = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            repeat {
                received = unsafe recv(descriptor.rawValue, buffer.baseAddress, limit, 0)
            } while received < 0 && errno == EINTR
            initialized = max(received, 0)
        }
        guard received > 0 else { throw NetlinkError(operation: operation, errno: .current) }
        return NetlinkMessage.messages(in: datagram)
    }
}

/// From <linux/socket.h>; Glibc's module hides it.
private let SOL_NETLINK: CInt = 270
