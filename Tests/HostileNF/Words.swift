import CLinux
import Glibc
import Handover
import NetworkFunction

/// What an NF can say to its manager, and write where the manager reads.
struct Words: ~Copyable {
    let channel: CInt
    let telemetry: Telemetry

    /// Keeps the NF's descriptors open for good.
    static func keep(_ start: consuming NFStart) { _ = unsafe Unmanaged.passRetained(Kept(start)) }

    private final class Kept {
        let start: NFStart
        init(_ start: consuming NFStart) { self.start = start }
    }

    /// Numbers of `MessageKind` in Wire.swift: what an NF says, what others say, and what nobody does.
    private static func message(_ kind: UInt8, text: String = "") -> [UInt8] {
        let count = UInt32(text.utf8.count)
        return [1, 0, kind, 0] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * UInt32($0))) } + Array(text.utf8)
    }
    private static let ready = message(17)
    private static let failed = message(18, text: "it cannot go on \u{1B}[2J\n12:00:00.000 error forged/0: line")
    private static let spawned = message(2)

    /// One message a second, as `name` says; a living NF otherwise.
    func complain(_ name: Substring) {
        while true {
            switch name {
            case "failed": send(Self.failed)
            case "ready-again": send(Self.ready)
            case "malformed": send([1, 2, 3])
            case "out-of-order": send(Self.spawned)
            default: send([UInt8](repeating: 7, count: 60_000))
            }
            live(seconds: 1)
        }
    }

    /// As fast as it can.
    func flood(descriptors: Bool) {
        let list: [CInt] = descriptors ? [CInt](repeating: channel, count: 16) : []
        while true {
            telemetry.add(1, to: .heartbeat)
            send(Self.ready, list)
        }
    }

    /// Shows that it lives.
    func beat() { telemetry.add(1, to: .heartbeat) }

    /// All ones in every word but the heartbeat, which goes on, and that no connection has ended.
    func lie() {
        while true {
            for field in TelemetryField.allCases where field != .heartbeat { telemetry[field] = .max }
            for position in 0..<64 {
                telemetry.setCounter(position, to: .max)
                telemetry.setDrop(position, to: .max)
            }
            for record in 0..<Telemetry.connectionCapacity {
                for field in ConnectionField.allCases { telemetry.set(field, ofRecord: record, to: .max) }
                for event in 0..<ConnectionRecord.eventCapacity {
                    telemetry.setEvent(event, ofRecord: record, instant: .max, kind: .max, argument: .max)
                }
            }
            telemetry[.closed] = 0
            telemetry.answerConnections(count: .max, to: .max)
            live(seconds: 1)
        }
    }

    private func send(_ bytes: [UInt8], _ descriptors: [CInt] = []) {
        _ = unsafe bytes.withUnsafeBytes { bytes in
            unsafe descriptors.withUnsafeBufferPointer { list in
                unsafe CLinux_send_message(
                    channel, bytes.baseAddress, bytes.count, list.baseAddress, CInt(list.count), CInt(MSG_DONTWAIT))
            }
        }
    }

    private func live(seconds: Int) {
        for _ in 0..<seconds * 20 {
            telemetry.add(1, to: .heartbeat)
            _ = CLinux_poll_nanoseconds(nil, 0, 50_000_000)
        }
    }
}
