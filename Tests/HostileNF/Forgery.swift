import Glibc
import NetworkFunction

/// Frames that an isolated NF must not be able to send, made from one that it may send.
///
/// Each carries "HOSTILE-" and its name, so that a listener on the other side can tell what came through.
struct Forgery {
    /// Ethernet, IPv4 and TCP headers of an answer to the client's frame.
    private let proper: [UInt8]
    /// The sequence number in the client's frame.
    private let sequence: UInt32

    init(answering frame: [UInt8]) {
        var reply = [UInt8](repeating: 0, count: 54)
        reply.replaceSubrange(0..<6, with: frame[6..<12])
        reply.replaceSubrange(6..<12, with: frame[0..<6])
        reply.replaceSubrange(12..<34, with: frame[12..<34])
        reply[14] = 0x45
        reply[20] = 0
        reply[21] = 0
        reply.replaceSubrange(26..<30, with: frame[30..<34])
        reply.replaceSubrange(30..<34, with: frame[26..<30])
        let header = 14 + Int(frame[14] & 15) * 4
        reply.replaceSubrange(34..<36, with: frame[(header + 2)..<(header + 4)])
        reply.replaceSubrange(36..<38, with: frame[header..<(header + 2)])
        sequence = frame[(header + 4)..<(header + 8)].reduce(0) { $0 << 8 | UInt32($1) }
        reply[46] = 0x50
        reply[47] = 0x10
        proper = reply
    }

    func sendAll(by port: inout XSKPort) {
        for _ in 0..<20 {
            for frame in frames where frame.count <= 2_000 {
                guard let buffer = port.takeFrame() else { continue }
                port.send(frame, in: buffer)
                _ = port.flush()
                port.reclaim()
            }
        }
    }

    /// The same by a TAP device.
    func sendAll(by tap: borrowing TapPort) {
        for _ in 0..<20 {
            for frame in frames { write(header(), frame, tap) }
        }
    }

    /// Accepts the client's connection, so that it has a real client's rights from then on.
    func sendHandshake(by tap: borrowing TapPort) {
        var frame = proper
        (frame[16], frame[17]) = (0, 40)
        frame.replaceSubrange(42..<46, with: (0..<4).map { UInt8(truncatingIfNeeded: (sequence &+ 1) >> (24 - 8 * $0)) })
        frame[47] = 0x12
        (frame[48], frame[49]) = (0xFF, 0xFF)
        setHeaderChecksum(&frame)
        // RFC 9293 §3.1: addresses, protocol and length are summed, too.
        var sum = 6 + 20
        for index in stride(from: 26, to: 54, by: 2) { sum += Int(frame[index]) << 8 | Int(frame[index + 1]) }
        sum = (sum & 0xFFFF) + (sum >> 16)
        sum = ~((sum & 0xFFFF) + (sum >> 16)) & 0xFFFF
        (frame[50], frame[51]) = (UInt8(sum >> 8), UInt8(sum & 255))
        write([UInt8](repeating: 0, count: 10), frame, tap)
    }

    /// Large frames that may pass, as fast as the device takes them.
    func sendProper(by tap: borrowing TapPort) {
        let frame = make("proper", byteCount: 30_000) { _ in }
        for _ in 0..<20 { write(header(kind: 1, headers: 54, cut: 1_448), frame, tap) }
    }

    /// Frames that may pass, with headers for the kernel that lie about them: nothing but the NF's own stream comes of it.
    func sendLies(by tap: borrowing TapPort) {
        let long = make("proper", byteCount: 3_000) { _ in }
        for _ in 0..<20 {
            for kind in [0, 1, 3, 4, 5, 0x81, 0x85, 0xFF] as [UInt8] {
                for length in [0, 1, 14, 33, 54, 60, 3_000, 65_535] as [UInt16] {
                    for cut in [0, 1, 47, 536, 65_535] as [UInt16] {
                        write(header(kind: kind, headers: length, cut: cut), long, tap)
                        write(header(kind: kind, headers: length, cut: cut, start: 65_000), long, tap)
                        write(header(kind: kind, headers: length, cut: cut, offset: 65_000), long, tap)
                    }
                }
            }
        }
        // Longer than any packet.
        write(header(kind: 1, headers: 54, cut: 1_448), long + [UInt8](repeating: 0, count: 90_000), tap)
    }

    /// Frames that may pass, whose checksums are to be written over addresses and ports: the frame that leaves is another.
    func sendMisplacedSums(by tap: borrowing TapPort) {
        let places: [(String, UInt16, UInt16)] = [
            ("sum-over-source", 20, 6), ("sum-over-destination", 20, 10), ("sum-over-protocol", 20, 2),
            ("sum-over-ports", 34, 0), ("sum-over-flags", 34, 12), ("sum-over-payload", 34, 20), ("sum-from-payload", 54, 0),
        ]
        for _ in 0..<20 {
            write(header(), make("proper") { _ in }, tap)
            for (name, start, offset) in places {
                write(header(start: start, offset: offset), make(name) { _ in }, tap)
                write(
                    header(kind: 1, headers: 54, cut: 536, start: start, offset: offset),
                    make(name, byteCount: 3_000) { _ in }, tap)
            }
        }
    }

    /// Proper frames with bytes changed, cut off and added, and headers for the kernel as they come, without end.
    func sendMutations(by tap: borrowing TapPort, beat: () -> Void) {
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let telling: [UInt8] = [0, 1, 4, 6, 8, 17, 0x45, 0x46, 0x50, 0x60, 0x86, 0xDD, 0xFF]
        let models = [
            make("mutated") { _ in }, make("mutated", byteCount: 1_400) { _ in }, make("mutated", byteCount: 9_000) { _ in },
        ]
        while true {
            beat()
            var frame = models[next(models.count)]
            for _ in 0..<next(4) {
                let place = next(60)
                frame[place] = next(3) == 0 ? UInt8(next(256)) : telling[next(telling.count)]
            }
            if next(10) == 0 { frame.removeLast(next(frame.count - 14)) }
            if next(10) == 0 { frame += [UInt8](repeating: 7, count: next(60)) }
            let cut = [0, 1, 47, 48, 1_448, 1_460, 1_461, 9_000][next(8)]
            let isProper = next(2) == 0
            write(
                header(
                    kind: isProper ? (cut > 0 ? 1 : 0) : UInt8(next(256)), headers: 54, cut: UInt16(cut),
                    start: isProper ? 34 : UInt16(next(80)), offset: isProper ? 16 : UInt16(next(40))),
                frame, tap)
        }
    }

    private func header(
        kind: UInt8 = 0, headers: UInt16 = 0, cut: UInt16 = 0, start: UInt16 = 34, offset: UInt16 = 16
    ) -> [UInt8] {
        [1, kind] + [headers, cut, start, offset].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    }

    private func write(_ header: [UInt8], _ frame: [UInt8], _ tap: borrowing TapPort) {
        let bytes = header + frame
        // Refused or not: what matters is what comes through.
        _ = unsafe Glibc.write(tap.descriptor, bytes, bytes.count)
    }

    private var frames: [[UInt8]] {
        [
            make("proper") { _ in },
            make("source-address") { $0[29] ^= 0x55 },
            make("source-port") { $0[35] ^= 0x55 },
            make("other-client") { $0[33] ^= 0x03 },
            make("broadcast-address") { for index in 30..<34 { $0[index] = 255 } },
            make("source-mac") { $0[11] ^= 0x55 },
            make("destination-mac") { $0[5] ^= 0x55 },
            make("broadcast-mac") { for index in 0..<6 { $0[index] = 255 } },
            make("arp") { $0[13] = 0x06 },
            make("unknown-ethertype") { $0[12] = 0x88; $0[13] = 0xB5 },
            make("vlan") { $0.replaceSubrange(12..<12, with: [0x81, 0x00, 0x00, 0x05]) },
            make("icmp") { $0[23] = 1 },
            make("udp") { $0[23] = 17 },
            make("fragment") { $0[20] = 0x20 },
            make("later-fragment") { $0[21] = 0x10 },
            make("ip-options") { $0[14] = 0x46 },
            make("wrong-version") { $0[14] = 0x65 },
            make("too-long", byteCount: 1_461) { _ in },
            make("much-too-long", byteCount: 60_000) { _ in },
            make("shorter-than-it-says") { $0[17] += 9 },
            make("mapped-addresses") { $0 = mapped($0) },
            make("ipv6-ethertype") { $0[12] = 0x86; $0[13] = 0xDD },
            Array(proper.prefix(14)), Array(proper.prefix(20)), Array(proper.prefix(33)), Array(proper.prefix(40)),
        ]
    }

    /// The IPv4 frame's addresses in an IPv6 header (RFC 4291 §2.5.5.2), with the payload that `make` appends.
    private func mapped(_ frame: [UInt8]) -> [UInt8] {
        let prefix = [UInt8](repeating: 0, count: 10) + [255, 255]
        let payload = "HOSTILE-mapped-addresses".utf8.count + 20
        return Array(frame[0..<12]) + [0x86, 0xDD, 0x60, 0, 0, 0, 0, UInt8(payload), 6, 64]
            + prefix + frame[26..<30] + prefix + frame[30..<34] + frame[34..<54]
    }

    private func make(_ name: String, byteCount: Int = 0, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var frame = proper
        var payload = Array("HOSTILE-\(name)".utf8)
        payload += [UInt8](repeating: 0x20, count: max(0, byteCount - payload.count))
        let total = 40 + payload.count
        frame[16] = UInt8(total >> 8)
        frame[17] = UInt8(total & 255)
        change(&frame)
        if frame[12] != 0x86 { setHeaderChecksum(&frame) }
        return frame + payload
    }

    /// RFC 791 §3.1; a receiver that drops for a wrong checksum would hide what egress let through.
    private func setHeaderChecksum(_ frame: inout [UInt8]) {
        let start = frame[12] == 0x81 ? 18 : 14
        frame[start + 10] = 0
        frame[start + 11] = 0
        var sum = 0
        for index in stride(from: start, to: start + 20, by: 2) { sum += Int(frame[index]) << 8 | Int(frame[index + 1]) }
        sum = (sum & 0xFFFF) + (sum >> 16)
        sum = ~((sum & 0xFFFF) + (sum >> 16)) & 0xFFFF
        frame[start + 10] = UInt8(sum >> 8)
        frame[start + 11] = UInt8(sum & 255)
    }
}
