public import ControlAPI
import Foundation
import Linux

/// A client of a running manager, for the command line.
public struct ControlClient: ~Copyable {
    private let descriptor: FileDescriptor
    private let instance: String

    /// - Throws: `HostError` or `PermissionError`, in words for the operator.
    public init(instance: String) throws {
        descriptor = try Self.connect(to: instance)
        self.instance = instance
        // A manager that does not answer at all is broken; say so instead of waiting for ever.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func connect(to instance: String) throws -> FileDescriptor {
        try Topology.checkInstance(instance)
        let path = ControlAPI.socketPath(instance: instance)
        do {
            return try UnixSocket.connect(path: path)
        } catch {
            switch error.rawValue {
            case EACCES, EPERM:
                throw PermissionError(capability: "CAP_DAC_OVERRIDE", purpose: "talk to the manager on \(path)")
            case ENOENT, ECONNREFUSED:
                throw HostError("no manager runs instance \"\(instance)\"\(others(than: instance))")
            default:
                throw HostError("connect to \(path): \(error)")
            }
        }
    }

    private static func others(than instance: String) -> String {
        let running = InstanceDirectory.instances.filter { $0 != instance }
        return running.isEmpty ? "" : "; there is \(running.joined(separator: ", ")) (--instance NAME)"
    }

    /// Sends one request and waits for its answer.
    public func perform(_ request: ControlRequest) throws -> ControlResponse {
        var line = try ControlAPI.encode(request)
        line.append(UInt8(ascii: "\n"))
        let bytes = Array(line)
        guard unsafe send(descriptor.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else {
            throw HostError("the manager of \"\(instance)\" went away")
        }
        let response = try ControlAPI.decode(ControlResponse.self, from: try receiveLine())
        if let error = response.error { throw error }
        return response
    }

    private func receiveLine() throws -> Data {
        var answer = Data()
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        while answer.last != UInt8(ascii: "\n") {
            let count = unsafe recv(descriptor.rawValue, &bytes, bytes.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { throw HostError("the manager of \"\(instance)\" does not answer") }
            guard count > 0, answer.count < ControlAPI.responseByteCount else {
                throw HostError("the manager of \"\(instance)\" went away")
            }
            answer.append(contentsOf: bytes.prefix(count))
        }
        return answer
    }
}
