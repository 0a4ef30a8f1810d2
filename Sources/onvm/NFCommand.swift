import ArgumentParser
import ControlAPI
import Manager

struct NFCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nf", abstract: "Look at network functions, or end one.",
        subcommands: [List.self, Kill.self, Connections.self, Events.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show every NF, its process and its client.")
        @OptionGroup var instance: InstanceOption

        func run() throws {
            try reportingFailures {
                show(StatusTable.networkFunctions(try fetchStatus(instance: instance.resolved).nfs))
            }
        }
    }

    struct Kill: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the process of an NF now; a fresh one takes its slot.")
        @Argument(help: "The NF's slot, as nf list shows it.") var slot: UInt32
        @OptionGroup var instance: InstanceOption

        func run() throws {
            try reportingFailures {
                _ = try ControlClient(instance: instance.resolved).perform(ControlRequest(command: .killNF, slot: slot))
            }
        }
    }
}
