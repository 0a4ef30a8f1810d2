import CLinux

/// Builds a batch of netlink messages, one after the other in one buffer (netlink(7)).
public struct NetlinkWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    /// The sequence number of the first message; the others follow.
    public let firstSequence: UInt32
    public private(set) var messageCount: UInt32 = 0
    private var messageStart = 0

    public init(firstSequence: UInt32 = 1) { self.firstSequence = firstSequence }

    /// Flags of `struct nlmsghdr` (netlink(7)).
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        public static let request = Flags(rawValue: UInt16(NLM_F_REQUEST))
        public static let acknowledge = Flags(rawValue: UInt16(NLM_F_ACK))
        public static let dump = Flags(rawValue: UInt16(NLM_F_ROOT | NLM_F_MATCH))
        public static let create = Flags(rawValue: UInt16(NLM_F_CREATE))
        public static let exclusive = Flags(rawValue: UInt16(NLM_F_EXCL))
        public static let replace = Flags(rawValue: UInt16(NLM_F_REPLACE))
    }

    /// Appends one message whose header's length is filled in once `body` has run.
    public mutating func message(
        _ type: UInt16, _ flags: Flags, _ body: (inout NetlinkWriter) -> Void
    ) {
        messageStart = bytes.count
        append(0 as UInt32)
        append(type)
        append(flags.union(.request).rawValue)
        append(firstSequence + messageCount)
        append(0 as UInt32)
        body(&self)
        store(UInt32(bytes.count - messageStart), at: messageStart)
        messageCount += 1
    }

    public mutating func append(_ value: some FixedWidthInteger) {
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    /// One attribute, padded to four bytes (NLA_ALIGNTO).
    public mutating func attribute(_ type: Int, _ content: (inout NetlinkWriter) -> Void) {
        let start = bytes.count
        append(0 as UInt16)
        append(UInt16(type))
        content(&self)
        store(UInt16(bytes.count - start), at: start)
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    public mutating func attribute(_ type: Int, _ value: some FixedWidthInteger) {
        attribute(type) { $0.append(value) }
    }

    /// Text with its terminating NUL.
    public mutating func attribute(_ type: Int, _ text: String) {
        attribute(type) {
            $0.bytes.append(contentsOf: text.utf8)
            $0.bytes.append(0)
        }
    }

    /// An attribute that holds attributes.
    public mutating func nested(_ type: Int, _ content: (inout NetlinkWriter) -> Void) {
        attribute(type | Int(NLA_F_NESTED), content)
    }

    private mutating func store(_ value: some FixedWidthInteger, at offset: Int) {
        unsafe withUnsafeBytes(of: value) { raw in
            for index in 0..<raw.count { unsafe bytes[offset + index] = raw[index] }
        }
    }
}
