import CLinux
import Glibc
import Handover
import Linux
import NetworkFunction
import NetworkFunctions

/// An NF that somebody took over: it tries everything an isolated NF must not be able to do. The system tests run it
/// (`onvm run --nf-program onvm-nf-hostile`, `nf: hostile`, option `attack: NAME`) and watch that nothing comes of it.
@main enum HostileNF {
    static func main() {
        Trial.runIfAsked()
        // The honest one is the neighbour that must not suffer.
        Zygote.main(functions: [NFFunction(name: "hostile", run: run), .service(WebServer.self)])
    }

    private static func run(_ start: consuming NFStart) throws(NFStartError) -> RunResult {
        let attack = start.grant.configuration.split(separator: "\n").first { $0.hasPrefix("attack=") }?.dropFirst(7)
        var port = try start.openPort()
        let tap = start.openTap()
        if attack == "early" { EarlyFrames.send(by: tap) }
        let greed = try Greed(start)
        let (logDescriptor, writesDiary) = (start.logDescriptor, start.grant.slot % 2 == 0)
        let words = Words(channel: start.channelDescriptor, telemetry: try start.openTelemetry())
        try start.enterSandbox(socket: port.rawDescriptor) { policy in
            // For the other layers to show what they are worth: one that is always refused first hides them.
            if attack == "layers" { for number in 0..<600 { policy.allow(number) } }
        }
        guard try start.waitForWord() else { return .drained }
        let frame = waitForFrame(&port)
        // The channel would go with the last use of `start`.
        Words.keep(start)
        switch attack {
        case "frames" where tap.isOpen: Forgery(answering: frame).sendAll(by: tap)
        case "frames": Forgery(answering: frame).sendAll(by: &port)
        case "mutations": Forgery(answering: frame).sendMutations(by: tap) { words.beat() }
        case "headers": Forgery(answering: frame).sendLies(by: tap)
        case "checksums": Forgery(answering: frame).sendMisplacedSums(by: tap)
        case "rings": spoilRings(&port)
        case "channel": babble(descriptor: words.channel)
        case "failed"?, "ready-again"?, "malformed"?, "out-of-order"?, "too-long"?: words.complain(attack ?? "")
        case "flood": words.flood(descriptors: false)
        case "flood-descriptors": words.flood(descriptors: true)
        case "telemetry": words.lie()
        case "layers": LayerAttacks.report()
        case "abort": abort()
        case "hang": while true {}
        case "log" where writesDiary: Diary.write(to: logDescriptor)
        case "log": LogFlood.run(logDescriptor)
        case "crash": unsafe crash()
        case let attack? where Greed.attacks.contains(attack): greed.run(attack, answering: frame, by: tap)
        case let call?: makeCall(call, tap.descriptor)
        case nil: throw NFStartError("option attack is missing")
        }
        // Whoever gets here was not killed for what it did.
        while true { _ = CLinux_poll_nanoseconds(nil, 0, 1_000_000_000) }
    }

    /// The first frame of a client.
    private static func waitForFrame(_ port: inout XSKPort) -> [UInt8] {
        while true {
            let count = port.available()
            if count > 0, let bytes = port.copyOfFrame(at: 0, of: count) {
                port.release(count)
                return bytes
            }
            _ = CLinux_poll_nanoseconds(nil, 0, 1_000_000)
        }
    }

    /// One system call that is on no allow-list; the kernel kills the process for it.
    private static func makeCall(_ name: Substring, _ tap: CInt) {
        switch name {
        case "duplicate": while dup(2) >= 0 {}
        case "open": _ = unsafe open("/etc/passwd", O_RDONLY)
        case "socket": _ = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        case "fork": _ = CLinux_fork()
        case "kill": _ = kill(getppid(), SIGKILL)
        case "setuid": _ = setuid(0)
        case "namespace": _ = CLinux_unshare(CInt(CLINUX_CLONE_NEWNET))
        case "code": _ = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        case "descriptor": _ = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, 4, 0)
        case "protection": _ = unsafe mprotect(UnsafeMutableRawPointer(bitPattern: 4096), 4096, PROT_READ)
        case "advice": _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: 4096), 4096, MADV_DONTNEED)
        case "tap-read": _ = unsafe read(tap, UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8), 64)
        case "tap-ioctl": _ = unsafe CLinux_ethtool(tap, "lo", UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8))
        default: fatalError("unknown attack \(name)")
        }
    }

    /// Descriptors that point outside of the UMEM, and indices that make no sense.
    private static func spoilRings(_ port: inout XSKPort) {
        for round in 0..<1_000 as Range<UInt64> {
            port.send(descriptor: xdp_desc(addr: UInt64.max - round, len: 1 << 20, options: 0))
            _ = port.flush()
        }
    }

    /// Rubbish and truncated messages to the manager.
    private static func babble(descriptor: CInt) {
        for length in 1..<200 {
            var bytes = [UInt8](repeating: UInt8(length), count: length)
            if length > 4 { bytes.replaceSubrange(0..<4, with: [1, 0, UInt8(length % 24), 0]) }
            _ = unsafe bytes.withUnsafeBytes { bytes in
                unsafe CLinux_send_message(descriptor, bytes.baseAddress, bytes.count, nil, 0, CInt(MSG_DONTWAIT))
            }
        }
    }

    @unsafe private static func crash() {
        unsafe UnsafeMutablePointer<UInt8>(bitPattern: 8)!.pointee = 1
    }
}
