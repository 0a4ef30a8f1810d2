import ArgumentParser
import ControlAPI
import Foundation
import Manager

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch a manager's services and NFs.",
        discussion: "Keys: q quits. Written to a pipe, it prints one snapshot.")

    @OptionGroup var instance: InstanceOption
    @Option(name: .shortAndLong, help: "Seconds between two looks.") var interval = 1.0

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else { throw ValidationError("--interval takes 0.1 to 3600 seconds") }
    }

    func run() throws {
        try reportingFailures {
            let name = instance.resolved
            var view = TopView(previous: nil)
            guard isatty(STDOUT_FILENO) != 0 else {
                return show(view.text(of: try fetchStatus(instance: name), rows: .max))
            }
            let terminal = Terminal()
            defer { terminal.restore() }
            repeat {
                let status = try fetchStatus(instance: name)
                terminal.show(view.text(of: status, rows: terminal.rows))
            } while !terminal.wantsToQuit(within: interval)
        }
    }
}

/// One screen: rates since the look before, the busiest NFs first.
struct TopView {
    private var previous: Status?

    init(previous: Status?) { self.previous = previous }

    mutating func text(of status: Status, rows: Int) -> String {
        defer { previous = status }
        let seconds = previous.map { status.manager.uptimeSeconds - $0.manager.uptimeSeconds } ?? 0
        let before = Dictionary((previous?.nfs ?? []).map { ($0.slot, $0) }) { first, _ in first }
        func rate(_ function: NFStatus, _ value: (NFStatus) -> UInt64) -> Double {
            guard let old = before[function.slot], old.pid == function.pid, seconds > 0 else { return 0 }
            return Double(value(function) &- min(value(old), value(function))) / seconds
        }
        let busy = status.nfs.filter { $0.state != .idle && $0.state != .spare }
            .map { (function: $0, load: rate($0, \.rxPackets) + rate($0, \.txPackets)) }
            .sorted { ($0.load, $1.function.slot) > ($1.load, $0.function.slot) }
        let lines = busy.map { entry in
            let function = entry.function
            return [
                "\(function.slot)", function.service, function.state.rawValue, function.pid.map(String.init) ?? "-",
                function.client ?? "-", "\(function.connections)", number(rate(function, \.requests)),
                number(rate(function, \.rxPackets)), number(rate(function, \.txPackets)),
                number(rate(function, \.txBytes) * 8) + "bit", "\(function.drops.values.clampedSum)",
            ]
        }
        let titles = ["SLOT", "SERVICE", "STATE", "PID", "CLIENT", "CONNS", "REQ/S", "RX/S", "TX/S", "OUT/S", "DROPS"]
        let head = [
            ("onvm \(status.manager.version)  \(status.instance)  "
                + "up \(StatusTable.duration(status.manager.uptimeSeconds))  "
                + "\(status.nfs.count) NFs  " + status.ports.map { "\($0.device) \($0.mode)" }.joined(separator: "  "))
                .printable(),
            "", StatusTable.services(status.services), "",
        ].joined(separator: "\n")
        let room = max(1, rows - head.split(separator: "\n", omittingEmptySubsequences: false).count - 2)
        let shown = Array(lines.prefix(rows == .max ? lines.count : room))
        return head + "\n" + Table(titles, shown).text
    }

    private func number(_ value: Double) -> String {
        switch value {
        case ..<1_000: String(format: "%.0f", value)
        case ..<1_000_000: String(format: "%.1fk", value / 1e3)
        case ..<1_000_000_000: String(format: "%.1fM", value / 1e6)
        default: String(format: "%.2fG", value / 1e9)
        }
    }
}
