import CLinux

/// One netlink message as it came from the kernel.
public struct NetlinkMessage: Sendable {
    public let type: UInt16
    public let flags: UInt16
    public let sequence: UInt32
    /// What follows `struct nlmsghdr`.
    public let payload: ArraySlice<UInt8>

    static let headerByteCount = 16

    /// Splits a datagram; stops at the first message that does not fit.
    public static func messages(in datagram: [UInt8]) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = datagram[...]
        while rest.count >= headerByteCount {
            let length = Int(rest.integer(at: 0) as UInt32)
            guard length >= headerByteCount, length <= rest.count else { break }
            let message = rest.prefix(length)
            messages.append(
                NetlinkMessage(
                    type: message.integer(at: 4), flags: message.integer(at: 6), sequence: message.integer(at: 8),
                    payload: message.dropFirst(headerByteCount)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return messages
    }

    public var isDone: Bool { type == UInt16(NLMSG_DONE) }

    /// The result that an acknowledgement carries; nil for other messages.
    public var acknowledgement: Acknowledgement? {
        guard type == UInt16(NLMSG_ERROR), payload.count >= 4 else { return nil }
        let error: Int32 = payload.integer(at: 0)
        var text: String?
        if flags & UInt16(NLM_F_ACK_TLVS) != 0, payload.count >= 20 {
            // The request's header follows the error, its body only without NLM_F_CAPPED.
            let requestLength = Int(payload.integer(at: 4) as UInt32)
            let skipped = 4 + (flags & UInt16(NLM_F_CAPPED) != 0 ? Self.headerByteCount : requestLength)
            text = NetlinkAttributes(payload.dropFirst(skipped))[Int(NLMSGERR_ATTR_MSG.rawValue)]?.text
        }
        return Acknowledgement(errno: Errno(rawValue: -error), text: text)
    }

    public struct Acknowledgement: Equatable, Sendable {
        /// 0 when the request was done.
        public let errno: Errno
        /// The kernel's own explanation (NLMSGERR_ATTR_MSG).
        public let text: String?
    }
}

/// The attributes of a message or of a nesting attribute.
public struct NetlinkAttributes: Sequence {
    private let bytes: ArraySlice<UInt8>

    public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    public subscript(_ type: Int) -> ArraySlice<UInt8>? {
        for attribute in self where attribute.type == type { return attribute.value }
        return nil
    }

    public func makeIterator() -> AnyIterator<(type: Int, value: ArraySlice<UInt8>)> {
        var rest = bytes
        return AnyIterator {
            guard rest.count >= 4 else { return nil }
            let length = Int(rest.integer(at: 0) as UInt16)
            guard length >= 4, length <= rest.count else { return nil }
            let type = Int(rest.integer(at: 2) as UInt16) & 0x3FFF  // NLA_TYPE_MASK: without NESTED and NET_BYTEORDER.
            defer { rest = rest.dropFirst((length + 3) & ~3) }
            return (type, rest.prefix(length).dropFirst(4))
        }
    }
}

extension ArraySlice<UInt8> {
    /// An integer in host byte order, `offset` bytes into the slice; 0 if the slice ends before it.
    public func integer<T: FixedWidthInteger>(at offset: Int) -> T {
        guard offset >= 0, count - offset >= MemoryLayout<T>.size else { return 0 }
        return unsafe withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }

    /// Text up to its NUL.
    public var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
