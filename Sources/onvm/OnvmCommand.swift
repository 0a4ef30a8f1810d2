import ArgumentParser
import Manager

@main struct OnvmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "onvm",
        abstract: "Runs network functions over AF_XDP, isolated from each other.",
        version: "onvm \(Version.current)",
        subcommands: [
            RunCommand.self, CheckCommand.self, StatusCommand.self, TopCommand.self, NFCommand.self,
            CleanupCommand.self, VersionCommand.self,
        ])
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { print("onvm \(Version.current)") }
}
