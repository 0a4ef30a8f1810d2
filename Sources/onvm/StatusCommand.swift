import ArgumentParser
import ControlAPI
import Foundation
import Manager

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show what a manager runs.")

    @OptionGroup var instance: InstanceOption
    @Flag(help: "Everything there is, as JSON.") var json = false

    func run() throws {
        try reportingFailures {
            let status = try fetchStatus(instance: instance.resolved)
            if json {
                let text = String(decoding: try ControlAPI.encode(status, pretty: true), as: UTF8.self)
                print(text.escapingControlsOfJSON)
            } else {
                show(StatusTable.text(of: status))
            }
        }
    }
}

func fetchStatus(instance: String) throws -> Status {
    let response = try ControlClient(instance: instance).perform(ControlRequest(command: .status))
    guard let status = response.status else { throw HostError("the manager of \"\(instance)\" sent no status") }
    return status
}
