/// What a manager answers: one JSON object on one line.
public struct ControlResponse: Codable, Equatable, Sendable {
    public var version: Int
    public var error: ControlError?
    public var status: Status?
    public var connections: ConnectionList?

    public init(status: Status? = nil, connections: ConnectionList? = nil, error: ControlError? = nil) {
        self.version = ControlAPI.version
        self.status = status
        self.connections = connections
        self.error = error
    }
}

/// Why a request was not done: a code to branch on and a message to read.
public struct ControlError: Error, Codable, Equatable, Sendable, CustomStringConvertible {
    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public enum Code: String, Codable, Sendable {
        /// Not a request: no JSON, too long, a field of the wrong type.
        case malformed
        case unsupportedVersion = "unsupported_version"
        case unknownCommand = "unknown_command"
        /// The request is understood but names nothing that exists.
        case notFound = "not_found"
        case notPermitted = "not_permitted"
        case failed
    }

    public var description: String { message }
}
