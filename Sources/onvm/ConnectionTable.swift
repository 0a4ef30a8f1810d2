import ControlAPI
import Foundation

/// Connections as text for people.
enum ConnectionTable {
    static func text(of list: ConnectionList) -> String {
        let titles = [
            "ID", "STATE", "PEER", "LOCAL", "RTT", "RTO", "CWND", "SSTHRESH", "IN FLIGHT", "ACKED", "RECEIVED",
            "RETRANS", "IDLE", "EVENTS",
        ]
        return Table(titles, list.connections.map(row)).text
    }

    private static func row(_ connection: ConnectionStatus) -> [String] {
        let value = { (name: String) in connection.values[name] ?? 0 }
        let start = [connection.id, connection.state, connection.peer, connection.local]
        guard connection.state != "ended" else {
            return start + [String](repeating: "-", count: 9) + ["\(connection.eventCount)"]
        }
        let threshold = value("slow_start_threshold")
        return start + [
            milliseconds(value("smoothed_round_trip")) + "/" + milliseconds(value("round_trip_variance")),
            milliseconds(value("retransmission_timeout")), "\(value("congestion_window"))",
            threshold == UInt64(UInt32.max) ? "-" : "\(threshold)", "\(value("bytes_in_flight"))",
            "\(value("bytes_acknowledged"))", "\(value("bytes_received"))", "\(value("retransmitted_segments"))",
            milliseconds(value("idle")), "\(connection.eventCount)",
        ]
    }

    /// One event a line, with the seconds since the first.
    static func events(of connection: ConnectionStatus) -> String {
        let first = connection.events.first?.instant ?? 0
        let earlier = connection.eventCount - min(connection.eventCount, UInt64(connection.events.count))
        let head =
            "\(connection.id) \(connection.peer) \(connection.state)".printable()
            + (earlier > 0 ? ", \(earlier) earlier" : "")
        let lines = connection.events.map { event in
            let seconds = Double(event.instant &- first) / 1e9
            let what = "\(event.event) \(event.meaning ?? "\(event.argument)")"
            return String(format: "  %12.6f  ", seconds) + what.printable()
        }
        return ([head] + lines).joined(separator: "\n")
    }

    /// With three digits after the point below 100 ms.
    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds) / 1e6
        return String(format: value < 100 ? "%.3f ms" : "%.0f ms", value)
    }
}
