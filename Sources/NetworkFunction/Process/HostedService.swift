public import Linux
public import TCPStack

/// A `Service` that `onvm-nf` can start by name.
public protocol HostedService: Service, ~Copyable {
    /// What a topology calls it: `nf: NAME`.
    static var functionName: String { get }

    /// Prepares everything the service will ever need; what it opens here is all it gets.
    init(_ environment: NFEnvironment) throws(NFStartError)

    /// Adds the system calls the service makes while it runs to those of the worker loop.
    static func allowSystemCalls(_ policy: inout SystemCallPolicy, in environment: NFEnvironment)
}

extension HostedService where Self: ~Copyable {
    public static func allowSystemCalls(_ policy: inout SystemCallPolicy, in environment: NFEnvironment) {}
}

/// What a starting service is given.
public struct NFEnvironment: Sendable {
    /// The service's name in the topology.
    public let service: String
    /// The service's own options as `key=value` lines, as the topology states them.
    public let options: String
    /// A directory to read, O_PATH, or -1. It stays open as long as the process.
    public let root: CInt
    /// A pipe to write an access log into, line by line, or -1. It never makes the writer wait (O_NONBLOCK).
    public let log: CInt
    /// The most connections there can be at once.
    public let connectionCapacity: Int
    /// Where connections come in; at least one.
    public let endpoints: [Endpoint]

    public init(
        service: String, options: String, root: CInt, log: CInt, connectionCapacity: Int, endpoints: [Endpoint]
    ) {
        self.service = service
        self.options = options
        self.root = root
        self.log = log
        self.connectionCapacity = connectionCapacity
        self.endpoints = endpoints
    }
}

/// Why an NF cannot start, in words for the operator.
public struct NFStartError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
