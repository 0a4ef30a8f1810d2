public import Linux

/// Little-endian fixed fields of a handover message. Messages never leave the host.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []

    init(kind: MessageKind) {
        bytes.reserveCapacity(256)
        append(MessageKind.protocolVersion)
        append(kind.rawValue)
    }

    mutating func append(_ value: some FixedWidthInteger) {
        var rest = value
        for _ in 0..<(value.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    mutating func append(_ text: String) {
        append(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}

/// Reads what `MessageWriter` wrote; a short or foreign message ends in `HandoverError`, never a trap.
struct MessageReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func kind() throws(HandoverError) -> MessageKind {
        let version: UInt16 = try integer()
        guard version == MessageKind.protocolVersion else { throw .version(version) }
        let raw: UInt16 = try integer()
        guard let kind = MessageKind(rawValue: raw) else { throw .unknownMessage(raw) }
        return kind
    }

    mutating func integer<T: FixedWidthInteger>() throws(HandoverError) -> T {
        let count = T.bitWidth / 8
        guard bytes.count - offset >= count else { throw .truncated }
        var value: T = 0
        for index in (0..<count).reversed() { value = value << 8 | T(truncatingIfNeeded: bytes[offset + index]) }
        offset += count
        return value
    }

    mutating func text() throws(HandoverError) -> String {
        let count = Int(try integer() as UInt32)
        guard bytes.count - offset >= count else { throw .truncated }
        defer { offset += count }
        return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
    }
}

enum MessageKind: UInt16 {
    static let protocolVersion: UInt16 = 1
    // Manager to zygote, zygote to manager.
    case spawn = 1, spawned, exited, spawnFailed
    // Manager to NF, NF to manager.
    case grant = 16, ready, failed, run, drain, look
    // Manager to log writer, log writer to manager.
    case logStart = 64, logOutput, logSource, logReady, logCounts, logFull
}

/// What is wrong with a handover message or its sender.
public enum HandoverError: Error, Equatable, Sendable {
    case truncated
    case version(UInt16)
    case unknownMessage(UInt16)
    /// The message is known but does not belong here.
    case unexpectedMessage(String)
    /// A descriptor that must come with the message did not.
    case missingDescriptor(String)
    case system(Errno, String)
    /// A message is longer than any may be, or has descriptors that it must not have.
    case oversized
    /// The peer closed its end.
    case peerGone
}

extension HandoverError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "handover message is truncated"
        case .version(let version):
            "handover protocol \(version), expected \(MessageKind.protocolVersion): onvm and onvm-nf are of different builds"
        case .unknownMessage(let kind): "unknown handover message \(kind)"
        case .unexpectedMessage(let name): "handover message '\(name)' is out of order"
        case .missingDescriptor(let name): "handover message came without its \(name) descriptor"
        case .system(let errno, let call): "\(call): \(errno)"
        case .oversized: "handover message is too long, or has descriptors it must not have"
        case .peerGone: "the other side closed the channel"
        }
    }
}
