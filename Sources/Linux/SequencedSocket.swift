import Glibc
import CLinux

/// A connected AF_UNIX SOCK_SEQPACKET socket: whole messages, in order, with file descriptors attached (unix(7)).
public struct SequencedSocket: ~Copyable {
    public let descriptor: FileDescriptor

    public init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// Both ends, close-on-exec (socketpair(2)).
    public static func pair() throws(Errno) -> SocketPair {
        var ends: (CInt, CInt) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { raw in
            unsafe socketpair(
                AF_UNIX, CInt(SOCK_SEQPACKET.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0,
                raw.baseAddress!.assumingMemoryBound(to: CInt.self))
        }
        try Errno.check(result)
        return SocketPair(
            first: SequencedSocket(owning: FileDescriptor(owning: ends.0)),
            second: SequencedSocket(owning: FileDescriptor(owning: ends.1)))
    }

    /// Closes now; the peer reads the end of the stream.
    public consuming func close() throws(Errno) { try descriptor.close() }

    /// Gives up ownership without closing.
    public consuming func release() -> CInt { descriptor.release() }

    /// Sends one message; `descriptors` (at most 16) are duplicated into the receiver and stay open here.
    /// - Throws: `EAGAIN` when `waits` is false and the peer is not reading.
    public func send(_ message: [UInt8], descriptors: [CInt] = [], waits: Bool = false) throws(Errno) {
        let sent = unsafe message.withUnsafeBytes { bytes in
            unsafe descriptors.withUnsafeBufferPointer { list in
                unsafe CLinux_send_message(
                    descriptor.rawValue, bytes.baseAddress, bytes.count, list.baseAddress, CInt(list.count),
                    waits ? 0 : CInt(MSG_DONTWAIT))
            }
        }
        guard sent == message.count else { throw .current }
    }

    /// Receives one message of at most `limit` bytes; nil at the end of the stream.
    /// - Parameter descriptorLimit: At most 16. With 0 the kernel makes none: it lets go of those that were sent.
    /// - Throws: `EAGAIN` when `waits` is false and nothing is there; `EMSGSIZE` when message or descriptors exceed the limit.
    public func receive(
        limit: Int = 64 * 1024, descriptorLimit: Int = 16, waits: Bool = false
    ) throws(Errno) -> ReceivedMessage? {
        precondition((0...16).contains(descriptorLimit), "more descriptors than a message has")
        var descriptors = [CInt](repeating: -1, count: 16)
        var count: CInt = 0
        var received = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
            repeat {
                count = CInt(descriptorLimit)
                received = unsafe descriptors.withUnsafeMutableBufferPointer { list in
                    unsafe CLinux_receive_message(
                        descriptor.rawValue, buffer.baseAddress, limit, list.baseAddress, &count,
                        waits ? 0 : CInt(MSG_DONTWAIT))
                }
            } while received < 0 && errno == EINTR
            initialized = max(received, 0)
        }
        guard received >= 0 else { throw .current }
        guard received > 0 || count > 0 else { return nil }
        return ReceivedMessage(bytes: bytes, descriptors: Array(descriptors.prefix(Int(count))))
    }
}

/// The two ends of a `SequencedSocket.pair()`.
@frozen public struct SocketPair: ~Copyable {
    public var first: SequencedSocket
    public var second: SequencedSocket

    init(first: consuming SequencedSocket, second: consuming SequencedSocket) {
        self.first = first
        self.second = second
    }
}

/// One message with the descriptors that came with it. Those that nobody takes are closed with it.
public struct ReceivedMessage: ~Copyable {
    public let bytes: [UInt8]
    private var descriptors: [CInt]

    init(bytes: [UInt8], descriptors: [CInt]) {
        self.bytes = bytes
        self.descriptors = descriptors
    }

    public var descriptorCount: Int { descriptors.count }

    /// The next descriptor in the sender's order, from now on the caller's; nil when none is left.
    public mutating func takeDescriptor() -> CInt? { descriptors.isEmpty ? nil : descriptors.removeFirst() }

    deinit {
        for descriptor in descriptors { _ = close(descriptor) }
    }
}
