public import NetworkFunction
public import TCPStack

/// Sends every client one line and closes: the smallest NF, and the one the README explains.
public struct Greeter: ~Copyable, HostedService {
    public static var functionName: String { "greeter" }

    private let line: [UInt8]

    public init(_ environment: NFEnvironment) throws(NFStartError) {
        line = Array("hello from \(environment.service)\n".utf8)
    }

    public mutating func accepted(_ connection: inout Connection, peer: Endpoint, local: Endpoint) -> Void {
        connection.send(byteCount: line.count)
        connection.finish()
    }

    public mutating func received(_ bytes: RawSpan, on connection: inout Connection, state: inout Void) -> Int {
        bytes.byteCount
    }

    public mutating func produce(
        _ payload: inout MutableRawSpan, at offset: UInt64, on connection: inout Connection, state: inout Void
    ) -> Bool {
        for index in 0..<payload.byteCount {
            payload.storeBytes(of: line[Int(offset) + index], toByteOffset: index, as: UInt8.self)
        }
        return true
    }
}
