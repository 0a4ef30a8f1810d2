import ControlAPI
import Foundation

/// Status as text for people.
enum StatusTable {
    static func text(of status: Status) -> String {
        var parts: [String] = []
        let manager = status.manager
        parts.append(
            ("instance \(status.instance), manager \(manager.pid) (\(manager.state.rawValue)), "
                + "up \(duration(manager.uptimeSeconds)), "
                + "topology \(manager.topology)" + (manager.netns.map { ", namespace \($0)" } ?? ""))
                .printable(limit: 5_000))
        parts.append(
            Table(
                ["PORT", "INDEX", "DRIVER", "XDP", "QUEUES", "MTU"],
                status.ports.map { [$0.device, "\($0.index)", $0.driver, $0.mode, "\($0.queues)", "\($0.mtu)"] }
            ).text)
        parts.append(services(status.services))
        if let logs = logs(of: status) { parts.append(logs) }
        parts.append(networkFunctions(status.nfs.filter { $0.state != .idle }))
        return parts.joined(separator: "\n\n")
    }

    static func services(_ services: [ServiceStatus]) -> String {
        let rows = services.map { service in
            let overflow = service.overflowCounts.values.clampedSum
            return [
                service.name, "\(service.id)", service.function, service.listen.joined(separator: " "),
                service.isolation,
                "\(service.idle)", "\(service.bound)", "\(service.starting)", "\(service.max)",
                "\(service.overflow) \(overflow)", gate(service.gate),
            ]
        }
        let titles = [
            "SERVICE", "ID", "NF", "LISTEN", "ISOLATION", "IDLE", "BOUND", "STARTING", "MAX", "OVERFLOW", "GATE",
        ]
        return Table(titles, rows).text
    }

    /// The logs that NFs write; nil when there is none.
    static func logs(of status: Status) -> String? {
        var all = status.services.compactMap { service in service.accessLog.map { (service.name, $0) } }
        if let errors = status.manager.standardError { all.append(("every NF", errors)) }
        guard !all.isEmpty else { return nil }
        let rows = all.map { name, log in
            [
                log.path ?? "(standard error)", name, "\(log.lines)", "\(log.bytes)", "\(log.dropped)", "\(log.cut)",
                "\(log.escaped)", "\(log.throttled)", log.writerPid.map(String.init) ?? "-", "\(log.writerRestarts)",
                log.error ?? "",
            ]
        }
        let titles = [
            "LOG", "OF", "LINES", "BYTES", "DROPPED", "CUT", "ESCAPED", "THROTTLED", "WRITER", "RESTARTS", "ERROR",
        ]
        return Table(titles, rows).text
    }

    /// How long the SYN gate has been on, and how many cookies came back of those it sent.
    private static func gate(_ gate: GateStatus?) -> String {
        guard let gate else { return "-" }
        guard gate.isOn else { return "off" }
        let waiting = gate.waiting > 0 ? ", \(gate.waiting) wait" : ""
        return "on \(duration(gate.onSeconds ?? 0)), \(gate.cookiesAccepted)/\(gate.cookiesSent) cookies\(waiting)"
    }

    static func networkFunctions(_ functions: [NFStatus], limit: Int = .max) -> String {
        let rows = functions.prefix(limit).map { function in
            [
                "\(function.slot)", function.service, function.state.rawValue, function.pid.map(String.init) ?? "-",
                "\(function.uid)", function.client ?? "-", "\(function.connections)", "\(function.requests)",
                "\(function.rxPackets)", "\(function.txPackets)", "\(function.drops.values.clampedSum)",
                "\(function.restarts)",
            ]
        }
        let titles = [
            "SLOT", "SERVICE", "STATE", "PID", "UID", "CLIENT", "CONNS", "REQUESTS", "RX", "TX", "DROPS", "RESTARTS",
        ]
        let rest = functions.count > limit ? "\n… and \(functions.count - limit) more" : ""
        return Table(titles, rows).text + rest
    }

    static func connections(_ functions: [NFStatus]) -> String {
        let rows = functions.filter { $0.state == .bound || $0.state == .draining }.map { function in
            [
                function.client ?? "(every client)", function.service, "\(function.slot)",
                function.pid.map(String.init) ?? "-", "\(function.connections)", "\(function.accepted)",
                "\(function.closed)", "\(function.requests)",
            ]
        }
        return Table(["CLIENT", "SERVICE", "SLOT", "PID", "CONNS", "ACCEPTED", "CLOSED", "REQUESTS"], rows).text
    }

    static func duration(_ seconds: Double) -> String {
        guard let whole = Int(exactly: max(seconds, 0).rounded(.down)) else { return "-" }
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3_600: return "\(whole / 60) min \(whole % 60) s"
        default: return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
        }
    }
}

/// Columns as wide as what is in them.
struct Table {
    let titles: [String]
    let rows: [[String]]

    init(_ titles: [String], _ rows: [[String]]) {
        self.titles = titles
        self.rows = rows
    }

    var text: String {
        // Nothing in a cell may reach the terminal but as text.
        let all = ([titles] + rows).map { row in row.map { $0.printable(limit: 10_000) } }
        let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.indices.map { row[$0].padding(toLength: widths[$0], withPad: " ", startingAt: 0) }
            return cells.joined(separator: "  ").trimmingSuffix { $0 == " " }
        }.joined(separator: "\n")
    }
}

extension String {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
        var text = self
        while let last = text.last, predicate(last) { text.removeLast() }
        return text
    }
}
