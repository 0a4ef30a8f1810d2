import ArgumentParser
import Logging
import Manager

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a topology until told to stop.",
        discussion: """
            SIGTERM or SIGINT stops it: clients may finish what they do, then the host is restored. A second signal \
            ends it at once. SIGHUP opens the access logs again, for logrotate(8); a terminal that goes away sends it, \
            too, and does not stop anything. A port that has an XDP program of somebody else is refused; sharing a port with other programs \
            (--coexist, through libxdp's dispatcher) is not part of this version.
            """)

    @Argument(help: "The topology, in YAML.") var file: String
    @OptionGroup var namespace: NamespaceOption
    @Option(help: "Run under this name instead of the topology's.") var instance: String?
    @Option(help: "Seconds that clients may finish in when it stops.") var drain = 5.0
    @Option(name: .customLong("nf-program"), help: "The program NFs run in; default: onvm-nf beside onvm.")
    var networkFunctionProgram: String?
    @Flag(name: .shortAndLong, help: "Log every start, client and decision.") var verbose = false

    func validate() throws {
        guard drain >= 0, drain <= 3600 else { throw ValidationError("--drain takes 0 to 3600 seconds") }
    }

    func run() throws {
        try reportingFailures {
            let signals = try StopSignals()
            try namespace.enter()
            let host = try SystemTopologyHost(
                networkFunctions: NetworkFunctionProgram.names(path: networkFunctionProgram))
            var (topology, warnings) = try Topology.load(path: file, host: host)
            for warning in warnings { complain(warning.description) }
            if let instance { try topology.rename(to: instance) }
            var options = RunningInstance.Options(topology: topology, topologyPath: file)
            options.netns = namespace.netns
            options.drainMilliseconds = Int(drain * 1_000)
            options.zygoteExecutable = networkFunctionProgram
            let level: Logger.Level = verbose ? .debug : .info
            let log = Logger(label: "onvm") { _ in LineLog(level: level) }
            try RunningInstance(options, signals: signals, log: log).run()
        }
    }
}
