public import Foundation

/// How requests and responses are written: JSON with snake_case keys in sorted order, on one line.
extension ControlAPI {
    public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    public static func decode<Value: Decodable>(_ type: Value.Type, from line: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: line)
    }

    /// Reads a request line. A newer version or an unknown command gets an error of its own, so that a client of
    /// another version can tell it from rubbish.
    public static func decodeRequest(_ line: Data) throws(ControlError) -> ControlRequest {
        struct Envelope: Decodable {
            var version: Int?
            var command: String?
        }
        guard let envelope = try? decode(Envelope.self, from: line) else {
            throw ControlError(.malformed, "not a JSON object with version and command")
        }
        guard let version = envelope.version else { throw ControlError(.malformed, "version is missing") }
        guard version == Self.version else {
            throw ControlError(.unsupportedVersion, "version \(version) is not supported, expected \(Self.version)")
        }
        guard let command = envelope.command else { throw ControlError(.malformed, "command is missing") }
        guard ControlRequest.Command(rawValue: command) != nil else {
            let known = ControlRequest.Command.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlError(.unknownCommand, "unknown command, expected one of \(known)")
        }
        do {
            return try decode(ControlRequest.self, from: line)
        } catch {
            throw ControlError(.malformed, "slot must be a number from 0 to \(UInt32.max)")
        }
    }
}
