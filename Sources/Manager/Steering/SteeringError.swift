/// What keeps the manager from steering, other than a failed system call (`BPFError`).
public enum SteeringError: Error, Equatable, Sendable, CustomStringConvertible {
    case badInstanceName(String)
    case instanceExists(String)
    case foreignProgram(port: String, name: String, id: UInt32, isNative: Bool)
    case alreadyAttached(port: String)
    case unknownSlot(UInt32)
    case slotInUse(UInt32)
    case slotNotReady(UInt32)
    case unknownService(UInt8)
    case endpointTaken(ServiceDefinition.Endpoint, by: UInt8)

    public var description: String {
        switch self {
        case .badInstanceName(let name):
            "\"\(name)\" cannot name an instance: bpffs takes letters, digits, '-' and '_'"
        case .instanceExists(let name):
            "instance \"\(name)\" has eBPF pins already: another manager runs it, or it ended without cleaning up "
                + "(then run: onvm cleanup)"
        case .foreignProgram(let port, let name, let id, let isNative):
            "\(port) has an XDP program that is not ours: \"\(name)\" (id \(id), \(isNative ? "native" : "generic")); "
                + "it stays. Take it off (ip link set dev \(port) \(isNative ? "xdpdrv" : "xdpgeneric") off) or use another port"
        case .alreadyAttached(let port): "\(port) is attached already"
        case .unknownSlot(let slot): "slot \(slot) is beyond the limit of slots"
        case .slotInUse(let slot): "slot \(slot) is in use: unbind and retire it first"
        case .slotNotReady(let slot): "slot \(slot) is not admitted, or was offered already"
        case .unknownService(let service): "service \(service) is not defined"
        case .endpointTaken(let endpoint, let service):
            "\(endpoint.address?.description(port: endpoint.port) ?? "*:\(endpoint.port)") "
                + "(\(endpoint.transport)) belongs to service \(service)"
        }
    }
}
