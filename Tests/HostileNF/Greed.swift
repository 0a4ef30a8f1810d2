import CLinux
import Glibc
import Handover
import NetworkFunction

/// Takes what others need: CPU time, memory, bandwidth. The heartbeat goes on, so that nobody takes it for hung.
struct Greed: ~Copyable {
    static let attacks: Set<Substring> = ["spin", "memory", "full-rate", "violate"]

    let telemetry: Telemetry

    init(_ start: borrowing NFStart) throws(NFStartError) { telemetry = try start.openTelemetry() }

    func run(_ attack: Substring, answering frame: [UInt8], by tap: borrowing TapPort) {
        Forgery(answering: frame).sendHandshake(by: tap)
        telemetry.add(1, to: .accepted)
        switch attack {
        case "spin": spin()
        case "memory": takeMemory()
        case "full-rate":
            while true {
                Forgery(answering: frame).sendProper(by: tap)
                telemetry.add(1, to: .heartbeat)
            }
        default:
            while true {
                Forgery(answering: frame).sendAll(by: tap)
                telemetry.add(1, to: .heartbeat)
            }
        }
    }

    /// A core for 20 s: longer than any test, and no trouble for whoever forgets the process.
    private func spin() {
        var used = timespec()
        repeat {
            for _ in 0..<1_000_000 { telemetry.add(1, to: .heartbeat) }
            _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        } while used.tv_sec < 20
    }

    /// All that can be mapped, and every page of it written.
    private func takeMemory() {
        for size in [1 << 40, 1 << 32, 1 << 30, 1 << 20, 4096] {
            while let piece = unsafe map(size) {
                for offset in stride(from: 0, to: size, by: 4096) {
                    unsafe piece.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
                    telemetry.add(1, to: .heartbeat)
                }
            }
        }
        while true {
            telemetry.add(1, to: .heartbeat)
            _ = CLinux_poll_nanoseconds(nil, 0, 10_000_000)
        }
    }

    @unsafe private func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        return unsafe address == MAP_FAILED ? nil : address
    }
}

/// Sends before it is asked to do anything: no sandbox, no word from the manager, no client.
enum EarlyFrames {
    /// For a second at least: broadcast, so that any socket of the host's own stack on the port would hear it.
    static func send(by tap: borrowing TapPort) {
        let frames = [datagram(from: [0, 0, 0, 0]), datagram(from: [10, 77, 0, 2]), arpRequest]
        let deadline = Clock.now + 1_000_000_000
        while Clock.now < deadline {
            for frame in frames { _ = unsafe write(tap.descriptor, frame, frame.count) }
            _ = CLinux_poll_nanoseconds(nil, 0, 1_000_000)
        }
    }

    private enum Clock {
        static var now: UInt64 {
            var time = timespec()
            _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }

    /// struct virtio_net_hdr, all zero, and the Ethernet header.
    private static func start(_ type: [UInt8]) -> [UInt8] {
        [UInt8](repeating: 0, count: 10) + [UInt8](repeating: 0xFF, count: 6) + [2, 0, 0, 0, 0, 9] + type
    }

    /// UDP from port 68 to port 67 of everybody (RFC 2131): IPv4 takes that even from a source it knows no way to.
    private static func datagram(from source: [UInt8]) -> [UInt8] {
        let payload = Array("HOSTILE-early".utf8)
        let length = UInt8(28 + payload.count)
        var ip: [UInt8] = [0x45, 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0] + source + [255, 255, 255, 255]
        var sum = 0
        for offset in stride(from: 0, to: 20, by: 2) { sum += Int(ip[offset]) << 8 | Int(ip[offset + 1]) }
        sum = (sum & 0xFFFF) + (sum >> 16)
        sum = ~((sum & 0xFFFF) + (sum >> 16)) & 0xFFFF
        (ip[10], ip[11]) = (UInt8(sum >> 8), UInt8(sum & 255))
        return start([0x08, 0x00]) + ip + [0, 68, 0, 67, 0, UInt8(8 + payload.count), 0, 0] + payload
    }

    /// Who has 10.77.0.1? Tell 10.77.0.66 (RFC 826).
    private static var arpRequest: [UInt8] {
        start([0x08, 0x06]) + [0, 1, 8, 0, 6, 4, 0, 1] + [2, 0, 0, 0, 0, 9] + [10, 77, 0, 66]
            + [UInt8](repeating: 0, count: 6) + [10, 77, 0, 1] + Array("HOSTILE-early-arp".utf8)
    }
}
