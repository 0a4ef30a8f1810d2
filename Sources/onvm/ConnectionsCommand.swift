import ArgumentParser
import ControlAPI
import Foundation
import Manager

extension NFCommand {
    struct Connections: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the clients and how many connections each has, or the connections of one NF.",
            discussion: "Of one NF, the 64 connections heard of latest are shown, then the latest that ended.")
        @Argument(help: "The NF's slot, as nf list shows it; without it, every NF's client.") var slot: UInt32?
        @Flag(help: "Everything that is known, as JSON.") var json = false
        @OptionGroup var instance: InstanceOption

        func run() throws {
            try reportingFailures {
                if let slot {
                    let list = try fetchConnections(of: slot, instance: instance.resolved)
                    show(json ? try text(list) : ConnectionTable.text(of: list))
                } else {
                    let functions = try fetchStatus(instance: instance.resolved).nfs
                    show(json ? try text(functions) : StatusTable.connections(functions))
                }
            }
        }

        private func text(_ value: some Encodable) throws -> String {
            String(decoding: try ControlAPI.encode(value, pretty: true), as: UTF8.self).escapingControlsOfJSON
        }
    }

    struct Events: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what happened to connections of an NF: openings, losses, probes, resets.",
            discussion: "The latest sixteen events of a connection are kept, also for a while after its end.")
        @Argument(help: "The NF's slot.") var slot: UInt32
        @Argument(help: "The connection's ID or its peer's ADDRESS:PORT as nf connections shows it; without it, all.")
        var connection: String?
        @OptionGroup var instance: InstanceOption

        func run() throws {
            try reportingFailures {
                var shown = try fetchConnections(of: slot, instance: instance.resolved).connections
                if let connection {
                    shown = shown.filter { $0.id == connection || $0.peer == connection }
                    guard !shown.isEmpty else {
                        throw HostError("the NF of slot \(slot) shows no connection \(connection)")
                    }
                }
                show(shown.map(ConnectionTable.events).joined(separator: "\n\n"))
            }
        }
    }
}

/// Asks an NF, by way of its manager, until it has answered: at once when it sleeps, within a second under load.
private func fetchConnections(of slot: UInt32, instance: String) throws -> ConnectionList {
    let client = try ControlClient(instance: instance)
    var response = try client.perform(ControlRequest(command: .requestConnections, slot: slot))
    let requested = response.connections?.requested ?? 0
    let deadline = Date().addingTimeInterval(3)
    while let list = response.connections {
        if list.answered >= requested { return list }
        guard Date() < deadline else { throw HostError("the NF of slot \(slot) did not answer within 3 s") }
        Thread.sleep(forTimeInterval: 0.01)
        response = try client.perform(ControlRequest(command: .readConnections, slot: slot))
    }
    throw HostError("the manager of \"\(instance)\" sent no connections")
}
