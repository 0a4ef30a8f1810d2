import CLinux
public import Linux
public import NetworkFunction

/// How `onvm-nf` starts a web server: `nf: web-server`.
extension WebServer: HostedService {
    public static var functionName: String { "web-server" }

    public init(_ environment: NFEnvironment) throws(NFStartError) {
        guard environment.root >= 0 else { throw NFStartError("a web server needs the option 'root', a directory") }
        var configuration: WebServerConfiguration
        do {
            configuration = try WebServerConfiguration(parsing: environment.options)
        } catch {
            throw NFStartError("\(error)")
        }
        configuration.connections = environment.connectionCapacity
        // The manager made the pipe to the file that the topology names; the option itself does not come this far.
        configuration.writesAccessLog = environment.log >= 0
        do {
            try self.init(
                directory: environment.root, configuration: configuration,
                accessLog: environment.log >= 0 ? environment.log : nil)
        } catch {
            throw NFStartError("\(error)")
        }
    }

    /// What is promised is sent, then FIN; requests that come later are not answered.
    public mutating func drain(_ connection: inout Connection, state: inout State) { drain(&connection, &state) }

    public var requestCount: UInt64 { counters.requests }
    public var droppedLogLineCount: UInt64 {
        switch log {
        case .some(let log): log.droppedLineCount
        case .none: 0
        }
    }

    /// Files below the document root, opened for reading.
    public static func allowSystemCalls(_ policy: inout SystemCallPolicy, in environment: NFEnvironment) {
        // The root and nothing else as a starting point; RESOLVE_BENEATH, the empty mount namespace and Landlock
        // bound what a path can reach.
        policy.allow(Int(SYS_openat2), .equals(argument: 0, UInt32(bitPattern: environment.root)))
        policy.allow(Int(SYS_fstat))
        policy.allow(Int(SYS_pread64))
    }
}
