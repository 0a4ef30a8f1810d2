internal import BPF
internal import CBPFTypes
internal import Linux

/// The eBPF programs and the maps they share. Creating one loads everything; nothing is attached yet.
final class SteeringMaps {
    let steer: Program
    let deliver: Program
    let egress: Program
    /// Sends steer's answers from ports that lose XDP_TX.
    let answer: Program

    let slots: MappedArray<onvm_slot>
    let slotDevices: Map<UInt32, UInt32>
    let settings: Map<UInt32, onvm_settings>
    let flows: Map<onvm_flow_key, onvm_flow_verdict>
    let endpoints: Map<onvm_endpoint_key, UInt32>
    let services: Map<UInt32, onvm_service>
    let bindings: Map<onvm_binding_key, onvm_binding>
    let ports: Map<UInt32, onvm_mac>
    let portMACs: Map<onvm_mac, UInt32>
    /// DEVMAP: a slot's host end.
    let hosts: Map<UInt32, UInt32>
    /// XSKMAP: a slot's socket.
    let sockets: Map<UInt32, UInt32>
    let idle: MapOfMaps
    let share: MapOfMaps
    let overload: MappedArray<UInt32>
    let halfOpen: MappedArray<UInt64>
    let served: MappedArray<UInt64>
    let addresses: Map<onvm_address, UInt32>
    let exchanges: Map<UInt32, onvm_exchanges>
    let slotVLANs: Map<onvm_vlan_key, UInt64>
    let counters: PerCPUCounters
    let slotCounters: PerCPUCounters
    let serviceCounters: PerCPUCounters
    let events: RingBuffer<onvm_event>
    let gates: MappedArray<onvm_gate>
    let gateState: MappedArray<onvm_gate_state>
    let gateSecret: Map<UInt32, onvm_cookie_secret>
    let gatePorts: Map<UInt32, UInt32>
    let waitingClients: Map<onvm_binding_key, UInt64>
    let gateSources: Map<onvm_gate_source, UInt64>

    init(limits: SteeringLimits, pins: borrowing PinDirectory) throws {
        let sizes = [
            "slots": limits.slots, "slot_devices": 3 * limits.slots, "slot_counters": limits.slots,
            "hosts": limits.slots, "xsks": limits.slots, "exchanges": limits.slots, "bindings": limits.bindings, "flows": limits.flows,
        ]
        steer = try Self.load(.steer, sizes: sizes, pins: pins)
        deliver = try Self.load(.deliver, sizes: sizes, pins: pins)
        egress = try Self.load(.egress, sizes: sizes, pins: pins)
        answer = try Self.load(.answer, sizes: sizes, pins: pins)

        let slotCount = Int(limits.slots)
        slots = try MappedArray(owning: try pins.open("map_slots"), count: slotCount)
        slotDevices = Map(owning: try pins.open("map_slot_devices"), name: "slot_devices")
        settings = Map(owning: try pins.open("map_settings"), name: "settings")
        flows = Map(owning: try pins.open("map_flows"), name: "flows")
        endpoints = Map(owning: try pins.open("map_endpoints"), name: "endpoints")
        services = Map(owning: try pins.open("map_services"), name: "services")
        bindings = Map(owning: try pins.open("map_bindings"), name: "bindings")
        ports = Map(owning: try pins.open("map_ports"), name: "ports")
        portMACs = Map(owning: try pins.open("map_port_macs"), name: "port_macs")
        hosts = Map(owning: try pins.open("map_hosts"), name: "hosts")
        sockets = Map(owning: try pins.open("map_xsks"), name: "xsks")
        idle = MapOfMaps(owning: try pins.open("map_idle"), name: "idle")
        share = MapOfMaps(owning: try pins.open("map_share"), name: "share")
        overload = try MappedArray(owning: try pins.open("map_overload"), count: Int(ONVM_SERVICES))
        halfOpen = try MappedArray(owning: try pins.open("map_half_open"), count: Int(ONVM_SOURCE_BUCKETS))
        served = try MappedArray(owning: try pins.open("map_served"), count: Int(ONVM_SOURCE_BUCKETS))
        addresses = Map(owning: try pins.open("map_addresses"), name: "addresses")
        exchanges = Map(owning: try pins.open("map_exchanges"), name: "exchanges")
        slotVLANs = Map(owning: try pins.open("map_slot_vlans"), name: "slot_vlans")
        counters = PerCPUCounters(owning: try pins.open("map_counters"), name: "counters", count: 1)
        slotCounters = PerCPUCounters(
            owning: try pins.open("map_slot_counters"), name: "slot_counters", count: Int(ONVM_SLOT_COUNTER_COUNT))
        serviceCounters = PerCPUCounters(
            owning: try pins.open("map_service_counters"), name: "service_counters",
            count: Int(ONVM_SERVICE_COUNTER_COUNT))
        events = try RingBuffer(owning: try pins.open("map_events"), byteCount: Int(ONVM_EVENT_RING_SIZE))
        gates = try MappedArray(owning: try pins.open("map_gates"), count: Int(ONVM_SERVICES))
        gateState = try MappedArray(owning: try pins.open("map_gate_state"), count: Int(ONVM_SERVICES))
        gateSecret = Map(owning: try pins.open("map_gate_secret"), name: "gate_secret")
        gatePorts = Map(owning: try pins.open("map_gate_ports"), name: "gate_ports")
        waitingClients = Map(owning: try pins.open("map_waiting_clients"), name: "waiting_clients")
        gateSources = Map(owning: try pins.open("map_gate_sources"), name: "gate_sources")
    }

    /// Loads one object. Maps that an earlier one brought are shared, the others are created and pinned.
    private static func load(
        _ source: ProgramObject, sizes: [String: UInt32], pins: borrowing PinDirectory
    ) throws -> Program {
        let object = try ObjectFile(source)
        let names = object.mapNames
        let pinned = Set(pins.entries)
        for name in names {
            if pinned.contains("map_\(name)") {
                try object.share(try pins.open("map_\(name)"), asMap: name)
            } else if let size = sizes[name] {
                try object.setEntryCount(size, ofMap: name)
            }
        }
        try object.load()
        for name in names where !pinned.contains("map_\(name)") {
            try pins.pin(try object.mapDescriptor(name), as: "map_\(name)")
        }
        return try object.program(source.name)
    }
}
