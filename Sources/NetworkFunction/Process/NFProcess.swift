public import Handover
public import Linux
public import TCPStack
import XSK
import CLinux
import Glibc

/// One NF as `onvm-nf` can start it.
public struct NFFunction: Sendable {
    @usableFromInline let name: String
    @usableFromInline let run: @Sendable (consuming NFStart) throws(NFStartError) -> RunResult

    /// An NF with a loop of its own: it opens its `port`, enters the sandbox, waits for the word, and runs.
    @inlinable public init(
        name: String, run: @escaping @Sendable (consuming NFStart) throws(NFStartError) -> RunResult
    ) {
        self.name = name
        self.run = run
    }

    /// A service over TCP. Inlinable, like all down to the worker's loop, so that the caller's module specializes it.
    @inlinable public static func service<S: HostedService & SendableMetatype & ~Copyable>(_: S.Type) -> NFFunction {
        NFFunction(name: S.functionName) { start throws(NFStartError) in try start.serve(S.self) }
    }
}

/// What an NF process holds when it starts: its grant, and the descriptors that came with it.
public struct NFStart: ~Copyable {
    public let grant: Grant
    @usableFromInline let manager: NFEnd
    @usableFromInline let socket: FileDescriptor
    @usableFromInline let memory: FileDescriptor
    @usableFromInline let telemetryMemory: FileDescriptor
    @usableFromInline let root: CInt
    @usableFromInline let log: CInt
    @usableFromInline let tap: CInt

    init(grant: Grant, descriptors: GrantDescriptors, manager: consuming NFEnd) {
        self.grant = grant
        self.manager = manager
        socket = FileDescriptor(owning: descriptors.xsk)
        memory = FileDescriptor(owning: descriptors.umem)
        telemetryMemory = FileDescriptor(owning: descriptors.telemetry)
        root = descriptors.root
        log = descriptors.log
        tap = descriptors.tap
    }

    /// Sets everything up, enters the sandbox, says ready, waits for the word, and serves.
    @inlinable consuming func serve<S: HostedService & ~Copyable>(_: S.Type) throws(NFStartError) -> RunResult {
        let (options, ownOptions) = try WorkerOptions.parse(grant.configuration)
        let environment = NFEnvironment(
            service: grant.service, options: ownOptions, root: root, log: log,
            connectionCapacity: options.connectionCapacity, endpoints: options.endpoints)
        let service = try S(environment)
        var stack = Stack(try configuration(options))
        for endpoint in options.endpoints {
            guard stack.listen(on: endpoint) else { throw NFStartError("more listen= lines than the stack can take") }
        }
        var worker = try makeWorker(service, stack, options)
        try enterSandbox(socket: worker.socketDescriptor) { S.allowSystemCalls(&$0, in: environment) }
        guard try waitForWord() else { return .drained }
        return worker.run(manager: manager, spin: IdleSpin(limit: options.spinMicroseconds * 1_000))
    }

    @inlinable func makeWorker<S: HostedService & ~Copyable>(
        _ service: consuming S, _ stack: consuming Stack, _ options: WorkerOptions
    ) throws(NFStartError) -> ServiceWorker<S> {
        do {
            return try ServiceWorker(
                service: service, stack: stack, port: openPort(), tap: openTap(),
                telemetry: Telemetry(mapping: telemetryMemory), connectionCapacity: options.connectionCapacity)
        } catch {
            throw NFStartError("\(error)")
        }
    }

    /// The NF's end of its socket. Call it once, before the sandbox.
    public func openPort() throws(NFStartError) -> XSKPort {
        do {
            return try XSKPort(grant, socket: try socket.duplicate(), memory: memory)
        } catch {
            throw NFStartError("\(error)")
        }
    }

    /// The device frames leave by, where it is not the socket. Call it once, before the sandbox.
    public func openTap() -> TapPort { TapPort(owning: tap) }

    /// The page that the manager reads. Call it once, before the sandbox.
    public func openTelemetry() throws(NFStartError) -> Telemetry {
        do {
            return try Telemetry(mapping: telemetryMemory)
        } catch {
            throw NFStartError("\(error)")
        }
    }

    /// The channel to the manager.
    public var channelDescriptor: CInt { manager.socket.descriptor.rawValue }

    /// The pipe of the access log, or -1.
    public var logDescriptor: CInt { log }

    /// Says that the NF is ready and waits until frames may come. False: it is to end instead.
    public func waitForWord() throws(NFStartError) -> Bool {
        do {
            try manager.reportReady()
            return try manager.nextCommand(waits: true) == .run
        } catch {
            throw NFStartError("the manager went away before the NF could run")
        }
    }

    @usableFromInline func configuration(_ options: WorkerOptions) throws(NFStartError) -> Configuration {
        var secret: (UInt64, UInt64) = (0, 0)
        guard unsafe getentropy(&secret, 16) == 0 else { throw NFStartError("getentropy: \(Errno.current)") }
        var configuration = Configuration(secret: secret)
        configuration.connectionCapacity = options.connectionCapacity
        configuration.mtu = Int(grant.mtu)
        configuration.initialReceiveWindow = HandshakeOffer.initialReceiveWindow
        configuration.maximumReceiveWindow = HandshakeOffer.maximumReceiveWindow
        configuration.receivePoolByteCount = options.receivePoolByteCount
        configuration.trustsPartialChecksums = grant.features.contains(.virtualPort)
        configuration.allowsSegmentation = tap >= 0
        let offloads = tap >= 0 || grant.features.contains(.checksumOffload) && grant.layout.transmitMetadataByteCount > 0
        configuration.transmitChecksum = offloads ? .partial : .full
        return configuration
    }

    /// Gives up everything but the data path. `allow` adds the system calls of the NF itself.
    @inlinable public func enterSandbox(
        socket: CInt, allowing allow: (inout SystemCallPolicy) -> Void
    ) throws(NFStartError) {
        var policy = SystemCallPolicy.worker(
            socket: socket, tap: tap, channel: manager.socket.descriptor.rawValue, log: log)
        allow(&policy)
        try enterSandbox(policy)
    }

    @usableFromInline func enterSandbox(_ policy: SystemCallPolicy) throws(NFStartError) {
        do {
            // A sleep ends when it should, not 50 µs later: TCP's shortest timers are a fraction of a millisecond.
            _ = CLinux_prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
            try Sandbox.limit(.coreByteCount, to: 0)
            try Sandbox.limit(.processes, to: 0)
            try Sandbox.limit(.lockedByteCount, to: 0)
            // Nothing it has is a file: its log and its standard error are pipes.
            try Sandbox.limit(.fileByteCount, to: 0)
            try Sandbox.limit(.openFiles, to: OpenFileLimit.allowed)
            try Sandbox.limit(.stackByteCount, to: 8 << 20)
            try Sandbox.limit(.messageQueueByteCount, to: 0)
            // An NF has prepared everything by now; this is for its stack, and what the language needs now and then.
            try Sandbox.limitMemory(allowance: 16 << 20)
            try Sandbox.forbidTracing()
            try Sandbox.restrictSpeculation()
            _ = try Sandbox.restrictFiles(readableDirectory: root)
            try Sandbox.install(policy)
        } catch {
            throw NFStartError("\(error)")
        }
    }
}

enum NFProcess {
    /// The whole life of an NF's process. `channel` is the only descriptor it has besides the standard ones.
    static func run(functions: [NFFunction], channel: CInt) -> Never {
        // The zygote executes it as the NF's user; whoever runs it by hand as root would run an NF that is not
        // confined.
        guard geteuid() != 0, fcntl(channel, F_SETFD, FD_CLOEXEC) == 0 else { exit(exitUnusable) }
        let end = NFEnd(SequencedSocket(owning: FileDescriptor(owning: channel)))
        guard let report = try? end.duplicate() else { exit(exitUnusable) }
        if let failure = serve(functions, end) {
            report.reportFailure(failure)
            exit(exitUnusable)
        }
        exit(0)
    }

    /// Runs the granted NF to its end; returns what went wrong.
    private static func serve(_ functions: [NFFunction], _ end: consuming NFEnd) -> String? {
        do throws(HandoverError) {
            let (grant, descriptors) = try end.receiveGrant()
            redirectErrors(to: descriptors.errors)
            name("nf-\(grant.slot)-\(grant.service)")
            guard let function = functions.first(where: { $0.name == grant.function }) else {
                let known = functions.map(\.name).joined(separator: ", ")
                return "there is no NF named '\(grant.function)'; known: \(known)"
            }
            let start = NFStart(grant: grant, descriptors: descriptors, manager: end)
            return outcome(function, start)
        } catch {
            return "\(error)"
        }
    }

    private static func outcome(_ function: NFFunction, _ start: consuming NFStart) -> String? {
        do throws(NFStartError) {
            switch try function.run(start) {
            case .drained: return nil
            case .socketDead(let errno): return "the socket can send no more: \(errno)"
            }
        } catch {
            return error.description
        }
    }

    /// From here on the process speaks to the operator by the log writer only. When nobody reads any more, it goes on.
    private static func redirectErrors(to pipe: CInt) {
        _ = signal(SIGPIPE, SIG_IGN)
        guard pipe >= 0 else { return }
        _ = dup2(pipe, 2)
        _ = close(pipe)
    }

    /// EX_SOFTWARE of sysexits.h.
    private static var exitUnusable: CInt { 70 }

    /// The name in ps(1) and top(1), cut to 15 bytes by the kernel.
    private static func name(_ name: String) {
        _ = unsafe name.withCString { CLinux_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0, 0, 0) }
    }
}

extension NFEnd {
    /// A second handle on the same channel, for a last word.
    func duplicate() throws(HandoverError) -> NFEnd {
        do {
            return NFEnd(SequencedSocket(owning: try socket.descriptor.duplicate()))
        } catch {
            throw .system(error, "fcntl F_DUPFD")
        }
    }
}
