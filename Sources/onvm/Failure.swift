import ArgumentParser
import ControlAPI
import Foundation
import Manager

/// Exit codes that scripts rely on (sysexits.h where it has one; 64 for usage comes from the argument parser).
enum ExitCodes {
    static let failed = ExitCode(1)
    static let badTopology = ExitCode(65)
    static let notPermitted = ExitCode(77)
}

/// Runs a command; prints what went wrong and turns it into the exit code that belongs to it.
func reportingFailures(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch let error as TopologyError {
        complain(error.description)
        throw ExitCodes.badTopology
    } catch let error as PermissionError {
        complain("onvm: \(error)")
        throw ExitCodes.notPermitted
    } catch let error as ExitCode {
        throw error
    } catch {
        complain("onvm: \(error)")
        throw ExitCodes.failed
    }
}

func complain(_ text: String) {
    FileHandle.standardError.write(Data((text.escapingControls(keeping: "\n") + "\n").utf8))
}

/// Text for people. Names, reasons and paths in it come from files, clients and NFs: nothing speaks to the terminal.
func show(_ text: String) { print(text.escapingControls(keeping: "\n")) }

/// Options that several commands have.
struct InstanceOption: ParsableArguments {
    @Option(help: "Which instance, when several run on the host.") var instance = "default"

    /// The one that was named, else the only one there is.
    var resolved: String {
        let known = Leftovers.instances
        return instance == "default" && !known.contains("default") && known.count == 1 ? known[0] : instance
    }
}

struct NamespaceOption: ParsableArguments {
    @Option(help: "The network namespace the ports are in (see ip-netns(8)).") var netns: String?

    func enter() throws {
        if let netns { try NetworkNamespace.enter(named: netns) }
    }
}
