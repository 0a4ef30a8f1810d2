import ArgumentParser
import Manager

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a topology, and say what this host and its devices can do.")

    @Argument(help: "The topology, in YAML; without it only the host is looked at.") var file: String?
    @OptionGroup var namespace: NamespaceOption
    @Option(name: .customLong("nf-program"), help: "The program NFs run in; default: onvm-nf beside onvm.")
    var networkFunctionProgram: String?

    func run() throws {
        try reportingFailures {
            try namespace.enter()
            if let file {
                let host = try SystemTopologyHost(
                    networkFunctions: NetworkFunctionProgram.names(path: networkFunctionProgram))
                let (topology, warnings) = try Topology.load(path: file, host: host)
                for warning in warnings { complain(warning.description) }
                for conflict in HostListeners.conflicts(with: topology) { complain("warning: \(conflict)") }
                show(TopologySummary.text(of: topology, path: file))
            }
            show(try HostReport.make().text)
        }
    }
}
