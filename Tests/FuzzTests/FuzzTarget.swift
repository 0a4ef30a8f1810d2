/// What is fuzzed: each target takes any bytes and traps when something that must hold does not.
///
/// `scripts/fuzz` builds this directory as a libFuzzer program; `swift test` replays the kept corpus on it.
enum FuzzTarget: String, CaseIterable {
    case packet
    case httpHead = "http-head"
    case httpChunked = "http-chunked"
    case httpFields = "http-fields"
    case handover
    case control
    case topology
    case tcpPair = "tcp-pair"

    func run(_ bytes: [UInt8]) {
        switch self {
        case .packet: fuzzPacket(bytes)
        case .httpHead: fuzzHead(bytes)
        case .httpChunked: fuzzChunked(bytes)
        case .httpFields: fuzzFields(bytes)
        case .handover: fuzzHandover(bytes)
        case .control: fuzzControl(bytes)
        case .topology: fuzzTopology(bytes)
        case .tcpPair: fuzzPair(bytes)
        }
    }
}

/// Traps with words when `holds` is false, in every build.
func require(_ holds: Bool, _ words: @autoclosure () -> String) {
    if !holds { fatalError(words()) }
}

/// Takes numbers from fuzzed bytes; past their end everything is zero.
struct ByteSource {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isEmpty: Bool { offset >= bytes.count }

    mutating func byte() -> UInt8 {
        guard offset < bytes.count else { return 0 }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func word() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }
    mutating func long() -> UInt32 { UInt32(word()) << 16 | UInt32(word()) }

    mutating func take(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
}
