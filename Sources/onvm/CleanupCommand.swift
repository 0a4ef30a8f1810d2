import ArgumentParser
import Manager

struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup",
        abstract: "Remove what a manager that died left on the host.",
        discussion:
            "Refuses while the instance's manager lives. Without --netns it goes to the namespace the instance had.")

    @OptionGroup var instance: InstanceOption
    @OptionGroup var namespace: NamespaceOption

    func run() throws {
        try reportingFailures {
            try Capability.requireAll()
            let name = instance.resolved
            let report = try Leftovers.remove(instance: name, netns: namespace.netns)
            for warning in report.warnings { complain("onvm: \(warning)") }
            show(
                report.isEmpty
                    ? "instance \(name) left nothing" : report.lines.map { "removed \($0)" }.joined(separator: "\n"))
        }
    }
}
