import ControlAPI
import Foundation

/// One client of the control socket: at most one request line and one response are held for it.
final class ControlConnection {
    private let descriptor: CInt
    private var input = Data()
    private var output = Data()
    /// No more requests will be read: the client sent rubbish without end, or closed its side.
    private var isEnding = false
    var lastUse = MonotonicTime.now

    init(descriptor: CInt) { self.descriptor = descriptor }

    enum Next {
        case wantsInput, wantsOutput
        /// There is more to do, after others had their turn.
        case wantsTurn
        case finished
    }

    /// A client that always has another request must not keep the others, or the NFs, waiting.
    static let requestsPerTurn = 4

    /// Reads, answers and writes as far as it goes without waiting, a few requests of it.
    func advance(answer: (Data) -> ControlResponse) -> Next {
        var requests = 0
        while true {
            switch write() {
            case .blocked: return .wantsOutput
            case .failed: return .finished
            case .done: break
            }
            if requests == Self.requestsPerTurn { return .wantsTurn }
            if let line = nextLine() {
                queue(answer(line))
                requests += 1
                continue
            }
            if isEnding { return .finished }
            guard input.count < ControlAPI.requestByteCount else {
                queue(
                    ControlResponse(
                        error: ControlError(.malformed, "a request is longer than \(ControlAPI.requestByteCount) bytes")
                    ))
                input.removeAll()
                isEnding = true
                continue
            }
            switch read() {
            case .blocked: return .wantsInput
            case .failed: return .finished
            case .done: continue
            }
        }
    }

    private enum Outcome { case done, blocked, failed }

    private func nextLine() -> Data? {
        guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = Data(input[input.startIndex..<end])
        input = Data(input[input.index(after: end)...])
        return line
    }

    private func queue(_ response: ControlResponse) {
        // Every response encodes: it holds numbers, text and nothing that JSON lacks.
        output = (try? ControlAPI.encode(response)) ?? Data("{\"version\":\(ControlAPI.version)}".utf8)
        output.append(UInt8(ascii: "\n"))
    }

    private func read() -> Outcome {
        var bytes = [UInt8](repeating: 0, count: ControlAPI.requestByteCount)
        let count = unsafe recv(descriptor, &bytes, ControlAPI.requestByteCount - input.count, CInt(MSG_DONTWAIT))
        if count > 0 {
            input.append(contentsOf: bytes.prefix(count))
            return .done
        }
        if count == 0 { return .failed }
        return errno == EAGAIN || errno == EINTR ? .blocked : .failed
    }

    private func write() -> Outcome {
        while !output.isEmpty {
            let count = unsafe output.withUnsafeBytes { raw in
                unsafe send(descriptor, raw.baseAddress, raw.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return errno == EAGAIN || errno == EINTR ? .blocked : .failed }
            // Not a copy: a response may be long, and its reader slow.
            output = output.dropFirst(count)
        }
        output = Data()
        return .done
    }

    func close() { _ = Glibc.close(descriptor) }
}
