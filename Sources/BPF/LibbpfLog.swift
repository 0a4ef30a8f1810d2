import CXDP
import Glibc
import Synchronization

/// What libbpf prints, kept for the error it explains instead of going to stderr.
enum LibbpfLog {
    /// The verifier's log of a refused program can be megabytes; its end is what matters.
    private static let byteLimit = 32 * 1024
    private static let text = Mutex<[UInt8]>([])

    /// Runs `body` and returns what libbpf and the kernel said meanwhile, at its end.
    static func capture<Result>(_ body: () -> Result) -> (result: Result, log: String) {
        _ = installed
        text.withLock { $0.removeAll() }
        let result = body()
        return (result, text.withLock { String(decoding: $0, as: UTF8.self) })
    }

    private static let installed: Void = {
        _ = unsafe libbpf_set_print { level, format, arguments in
            guard level != LIBBPF_DEBUG, let format = unsafe format, let arguments = unsafe arguments else { return 0 }
            var line = [CChar](repeating: 0, count: LibbpfLog.byteLimit)
            guard unsafe vsnprintf(&line, line.count, format, arguments) > 0 else { return 0 }
            let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            LibbpfLog.text.withLock { kept in
                kept += bytes
                if kept.count > LibbpfLog.byteLimit { kept.removeFirst(kept.count - LibbpfLog.byteLimit) }
            }
            return 0
        }
    }()
}
