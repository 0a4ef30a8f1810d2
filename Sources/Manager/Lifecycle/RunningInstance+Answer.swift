import ControlAPI
import Foundation
import Handover
import Linux
import Logging

/// What control clients ask.
extension RunningInstance {
    func answer(_ request: ControlRequest) -> ControlResponse {
        switch request.command {
        case .status:
            return ControlResponse(status: status)
        case .killNF:
            guard let slot = request.slot else {
                return ControlResponse(error: ControlError(.malformed, "slot is missing"))
            }
            guard slots.kill(slot: slot, at: .now) else {
                return ControlResponse(error: ControlError(.notFound, "slot \(slot) has no NF"))
            }
            return ControlResponse()
        case .requestConnections, .readConnections:
            guard let slot = request.slot else {
                return ControlResponse(error: ControlError(.malformed, "slot is missing"))
            }
            return connections(of: slot, asks: request.command == .requestConnections)
        }
    }

    private func connections(of id: UInt32, asks: Bool) -> ControlResponse {
        let slot = slots.slots.first { $0.id == id }
        guard let slot, let process = slot.process, [.idle, .bound, .draining].contains(slot.state) else {
            return ControlResponse(error: ControlError(.notFound, "slot \(id) has no NF that runs"))
        }
        if asks { process.requestConnections() }
        return ControlResponse(connections: ConnectionList(slot: id, process.connections))
    }

    var status: Status {
        Status(
            instance: options.topology.instance,
            manager: ManagerStatus(
                pid: getpid(), zygotePid: launcher?.zygote?.pid, version: Version.current,
                uptimeSeconds: (MonotonicTime.now - startedAt).seconds, topology: options.topologyPath,
                netns: options.netns, state: isDraining ? .draining : .running, standardError: logs?.errorStatus),
            ports: ports.map(portStatus), services: slots.pools.map(serviceStatus),
            nfs: slots.slots.filter { $0.state != .spare }.map(nfStatus),
            counters: dictionary(try? steering?.counters()))
    }

    private func portStatus(_ port: HostPort) -> PortStatus {
        PortStatus(
            device: port.link.name, index: port.link.index, driver: port.driver, mode: port.mode?.rawValue ?? "none",
            queues: port.queues, mtu: port.link.mtu)
    }

    private func serviceStatus(_ pool: ServicePool) -> ServiceStatus {
        let service = pool.service
        var counters = dictionary(try? steering?.serviceCounters(service.id))
        counters["client_pauses"] = pool.clientPauses
        let outcomes = [
            "refused", "shared", "dropped", "half_open_refused", "prefix_limit_refused", "overload_dropped",
        ]
        var status = ServiceStatus(
            id: service.id, name: service.name, function: service.networkFunction,
            listen: service.listen.map { $0.address?.description(port: $0.port) ?? "*:\($0.port)" },
            isolation: service.isolation.rawValue, idle: pool.count(.idle), bound: pool.count(.bound, .draining),
            starting: pool.starting + pool.count(.dead), max: service.slotCount, overflow: service.overflow.rawValue,
            overflowCounts: Dictionary(uniqueKeysWithValues: outcomes.map { ($0, counters[$0] ?? 0) }),
            counters: counters,
            ended: Dictionary(uniqueKeysWithValues: EndCause.allCases.map { ($0.rawValue, pool.ended[$0] ?? 0) }),
            gate: gateStatus(service.id, counters))
        status.accessLog = logs?.status(
            of: service.id, dropped: pool.slots.compactMap { slots[$0].process?.read(.logLinesDropped) })
        return status
    }

    private func gateStatus(_ service: UInt8, _ counters: [String: UInt64]) -> GateStatus? {
        let now = MonotonicTime.now
        guard let steering, let state = steering.gate(service: service, at: now) else { return nil }
        let since = now - MonotonicTime(nanoseconds: state.onSince)
        let sources = steering.gateSources(service: service, limit: SlotTable.Limit.gateSources)
        return GateStatus(
            isOn: state.isOn, onSeconds: state.isOn ? since.seconds : nil, halfOpen: state.halfOpen,
            waiting: state.waiting, cookiesSent: counters["cookies_sent"] ?? 0,
            cookiesAccepted: counters["cookies_accepted"] ?? 0, cookiesInvalid: counters["cookies_invalid"] ?? 0,
            held: counters["held"] ?? 0, sources: sources.map { .init(prefix: $0.prefix, syns: $0.count) })
    }

    private func nfStatus(_ slot: Slot) -> NFStatus {
        let firstUser = state.users?.first ?? 0
        var status = NFStatus(
            slot: slot.id, service: slots.pools[slot.service].service.name, state: slot.state, uid: firstUser + slot.id)
        status.pid = slot.pid
        status.client = slot.client?.description
        status.started = slot.startedAt?.seconds
        status.restarts = slot.launches > 0 ? slot.launches - 1 : 0
        status.counters = dictionary(try? steering?.slotCounters(slot.id))
        guard let process = slot.process else { return status }
        status.take(process)
        return status
    }

    private func dictionary(_ counters: [(name: String, value: UInt64)]?) -> [String: UInt64] {
        Dictionary((counters ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }
}

extension String {
    /// `framesInFlight` as `frames_in_flight`, `pathMTU` as `path_mtu`, `ipv4Checksum` as `ipv4_checksum`.
    var snakeCase: String {
        var text = ""
        var previousIsUpper = false
        for (index, character) in zip(indices, self) {
            let next = self.index(after: index)
            let endsWord = next < endIndex && self[next].isLowercase
            if character.isUppercase, !text.isEmpty, !previousIsUpper || endsWord { text += "_" }
            text += character.lowercased()
            previousIsUpper = character.isUppercase
        }
        return text
    }
}

public enum Version {
    public static let current = "0.1.0"
}
