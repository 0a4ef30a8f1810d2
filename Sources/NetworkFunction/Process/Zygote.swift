import Handover
import CLinux
import Glibc
import Linux

/// Starts one process per NF, in namespaces that are made once for all of them. It touches no packet, is single-threaded,
/// and ends when its manager closes the channel.
public enum Zygote {
    /// `onvm-nf --channel FD`: the manager's channel is an inherited descriptor. `onvm-nf --list`: the names of its NFs,
    /// one a line.
    public static func main(functions: [NFFunction]) -> Never {
        if let channel = OwnExecutable.channelOfThisProcess { NFProcess.run(functions: functions, channel: channel) }
        let arguments = CommandLine.arguments
        if arguments.dropFirst() == ["--list"] {
            for function in functions { print(function.name) }
            exit(0)
        }
        guard arguments.count == 3, arguments[1] == "--channel", let channel = CInt(arguments[2]), channel > 2 else {
            let names = functions.map { "  \($0.name)\n" }.joined()
            complain(
                "onvm-nf runs network functions for 'onvm run', which starts it. It has no use by itself.\nNFs in it:\n\(names)")
            exit(arguments.count == 1 ? 0 : 64)
        }
        // What the manager's own parent left open is nobody's business here. Descriptors 0 and 1 stay taken, so that
        // no channel or socket gets their numbers.
        closeOthers(keeping: channel)
        // No NF inherits it.
        _ = fcntl(channel, F_SETFD, FD_CLOEXEC)
        redirectToNull()
        do throws(SandboxError) {
            let childSignal = CLinux_child_signal_descriptor()
            guard childSignal >= 0 else { throw SandboxError(step: "signalfd", errno: .current) }
            // A terminal's Ctrl-C is for the manager, which drains the NFs in order.
            _ = setsid()
            let executable = try OwnExecutable()
            try Sandbox.enterEmptyNamespaces()
            try Sandbox.emptyBoundingSet()
            serve(ZygoteServer(SequencedSocket(owning: FileDescriptor(owning: channel))), executable, childSignal)
        } catch {
            complain("onvm-nf: \(error)\(advice(error))\n")
            exit(error.errno == .notPermitted ? 77 : 1)
        }
    }

    private static func advice(_ error: SandboxError) -> String {
        switch error.errno {
        case .notPermitted: ". It must be started with CAP_SYS_ADMIN, CAP_SETPCAP, CAP_SETUID and CAP_SETGID."
        // pivot_root(2), ERRORS: the first root file system, an initramfs, cannot be left.
        case .invalid: ". The host's root must be a mounted file system, not the initramfs it booted from (switch_root(8))."
        default: "."
        }
    }

    private static func serve(
        _ manager: consuming ZygoteServer, _ executable: consuming OwnExecutable, _ childSignal: CInt
    ) -> Never {
        while true {
            var descriptors = (
                pollfd(fd: manager.socket.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: childSignal, events: Int16(POLLIN), revents: 0)
            )
            _ = unsafe withUnsafeMutableBytes(of: &descriptors) { raw in
                unsafe poll(raw.baseAddress!.assumingMemoryBound(to: pollfd.self), 2, -1)
            }
            if descriptors.1.revents != 0 { reap(manager, childSignal) }
            guard descriptors.0.revents != 0 else { continue }
            do {
                // The manager's end means the NFs are on their own; they need no parent.
                guard let (request, channel, groups) = try manager.nextRequest() else { exit(0) }
                start(request, channel, GroupEntry(request, groups), manager, executable, childSignal)
            } catch {
                complain("onvm-nf: \(error)\n")
                exit(70)
            }
        }
    }

    private static func start(
        _ request: SpawnRequest, _ channel: CInt, _ groups: consuming GroupEntry, _ manager: borrowing ZygoteServer,
        _ executable: borrowing OwnExecutable, _ childSignal: CInt
    ) {
        let pid = groups.fork { reap(manager, childSignal) }
        if pid == 0 {
            groups.enter(orReportTo: channel)
            executable.become(request, channel: channel)
        }
        let error = errno
        _ = close(channel)
        if pid < 0 {
            try? manager.reportSpawnFailed(token: request.token, errno: error)
            return
        }
        let pidfd = CLinux_pidfd_open(pid)
        try? manager.reportSpawned(token: request.token, pid: pid, pidfd: pidfd)
        _ = close(pidfd)
    }

    private static func reap(_ manager: borrowing ZygoteServer, _ childSignal: CInt) {
        // A buffer shorter than one record is EINVAL and leaves the descriptor readable (signalfd(2)).
        var discarded = InlineArray<128, UInt8>(repeating: 0)
        while unsafe withUnsafeMutableBytes(of: &discarded, { unsafe read(childSignal, $0.baseAddress, $0.count) }) > 0 {}
        var status: CInt = 0
        while true {
            let pid = unsafe waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return }
            try? manager.reportExited(pid: pid, status: status)
        }
    }

    /// Closes every descriptor but the standard ones and one.
    private static func closeOthers(keeping descriptor: CInt) {
        if descriptor > 3 { _ = CLinux_close_range(3, UInt32(descriptor - 1)) }
        _ = CLinux_close_range(UInt32(max(descriptor, 2) + 1), .max)
    }

    private static func redirectToNull() {
        guard let null = try? FileDescriptor(opening: "/dev/null", flags: O_RDWR) else { return }
        _ = dup2(null.rawValue, 0)
        _ = dup2(null.rawValue, 1)
    }

    private static func complain(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
    }
}
