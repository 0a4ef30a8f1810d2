import ControlAPI
import Foundation
import Linux
import Logging

/// Answers requests on the instance's control socket. No client can make it wait, grow without bound, or end.
final class ControlServer {
    private let loop: EventLoop
    private let log: Logger
    private let listener: FileDescriptorBox
    private let path: String
    private let answer: (ControlRequest) -> ControlResponse
    private var connections: [CInt: ControlConnection] = [:]
    private var reserve = makeReserve()

    enum Limit {
        static let connections = 32
        static let acceptsPerTurn = 16
        /// A client that neither asks nor reads for this long makes room for others.
        static let idleMilliseconds = 30_000
    }

    init(
        path: String, loop: EventLoop, log: Logger, answer: @escaping (ControlRequest) -> ControlResponse
    ) throws {
        self.path = path
        self.loop = loop
        self.log = log
        self.answer = answer
        do {
            listener = FileDescriptorBox(try UnixSocket.listen(path: path))
        } catch {
            throw HostError("listen on \(path): \(error)")
        }
        try loop.watch(listener.rawValue) { [unowned self] _ in accept() }
    }

    func close() {
        loop.forget(listener.rawValue)
        for descriptor in Array(connections.keys) { drop(descriptor) }
        _ = unsafe unlink(path)
    }

    private func accept() {
        for _ in 0..<Limit.acceptsPerTurn {
            let descriptor = Glibc.accept(listener.rawValue, nil, nil)
            guard descriptor >= 0 else {
                // Without a descriptor for it, a client that waits would wake the loop for ever.
                if errno == EMFILE || errno == ENFILE { refuseOne() }
                return
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            guard let user = UnixSocket.peerUser(descriptor), user == 0 || user == geteuid() else {
                log.warning("a control client of another user was refused")
                _ = Glibc.close(descriptor)
                continue
            }
            if connections.count >= Limit.connections,
                let oldest = connections.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                drop(oldest.key)
            }
            connections[descriptor] = ControlConnection(descriptor: descriptor)
            do {
                try loop.watch(descriptor) { [unowned self] _ in serve(descriptor) }
            } catch {
                drop(descriptor)
            }
        }
    }

    /// Takes a client and lets it go, by a descriptor that is kept for this.
    private func refuseOne() {
        log.warning("a control client was refused: the manager has no descriptor left")
        reserve = nil
        let descriptor = Glibc.accept(listener.rawValue, nil, nil)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        reserve = Self.makeReserve()
    }

    private static func makeReserve() -> FileDescriptorBox? {
        guard let file = try? FileDescriptor(opening: "/dev/null", flags: O_RDONLY) else { return nil }
        return FileDescriptorBox(file)
    }

    private func serve(_ descriptor: CInt) {
        guard let connection = connections[descriptor] else { return }
        connection.lastUse = .now
        switch connection.advance(answer: respond) {
        case .wantsInput: try? loop.change(descriptor, to: .read)
        // A socket is ready for output most of the time, so its turn comes with the next round.
        case .wantsOutput, .wantsTurn: try? loop.change(descriptor, to: .write)
        case .finished: drop(descriptor)
        }
    }

    private func respond(to line: Data) -> ControlResponse {
        do {
            return answer(try ControlAPI.decodeRequest(line))
        } catch {
            return ControlResponse(error: error)
        }
    }

    private func drop(_ descriptor: CInt) {
        loop.forget(descriptor)
        connections[descriptor]?.close()
        connections[descriptor] = nil
    }

    /// Ends connections nobody uses; called now and then.
    func dropIdle(at now: MonotonicTime) {
        for (descriptor, connection) in connections
        where now - connection.lastUse >= .milliseconds(Limit.idleMilliseconds) {
            drop(descriptor)
        }
    }
}
