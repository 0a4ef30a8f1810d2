import CLinux
import Glibc
import Linux

/// SIGTERM, SIGINT and SIGHUP as something to read (signalfd(2)): from here on they end nobody by surprise. Nor does a
/// reader of standard error that goes away (SIGPIPE).
///
/// Made before anything on the host is changed, so that there is no moment at which a signal leaves traces.
public final class StopSignals {
    let descriptor: FileDescriptor

    /// Blocks the signals in the calling thread, and in those it starts.
    public init() throws {
        _ = signal(SIGPIPE, SIG_IGN)
        descriptor = FileDescriptor(owning: try Errno.check(CLinux_control_signals()))
    }

    /// The names of those that have come since the last call.
    func pending() -> [String] {
        var names: [String] = []
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // Each is pending once at most, but somebody may go on sending them.
        for _ in 0..<16 {
            guard unsafe read(descriptor.rawValue, &information, size) == size else { break }
            switch CInt(information.ssi_signo) {
            case SIGTERM: names.append("SIGTERM")
            case SIGINT: names.append("SIGINT")
            case SIGHUP: names.append("SIGHUP")
            default: break  // SIGCHLD: the zygote's channel tells.
            }
        }
        return names
    }
}
