internal import CBPFTypes

/// Between the manager's values and those in the eBPF maps, which lie in memory as they lie in a packet.

extension onvm_address {
    init(_ address: IPAddress) {
        self.init(high: address.high.bigEndian, low: address.low.bigEndian)
    }
}

extension IPAddress {
    init(_ address: onvm_address) {
        self.init(high: UInt64(bigEndian: address.high), low: UInt64(bigEndian: address.low))
    }
}

extension onvm_mac {
    init(_ bytes: [UInt8]) {
        precondition(bytes.count == 6, "a MAC address has six bytes")
        self.init()
        self.bytes = (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5])
    }
}

extension onvm_endpoint_key {
    init(_ endpoint: ServiceDefinition.Endpoint) {
        self.init()
        if let address = endpoint.address { self.address = onvm_address(address) }
        port = endpoint.port.bigEndian
        `protocol` = endpoint.transport.rawValue
    }
}

extension onvm_flow_key {
    init(_ flow: FlowKey) {
        self.init()
        source = onvm_address(flow.source)
        destination = onvm_address(flow.destination)
        source_port = flow.sourcePort.bigEndian
        destination_port = flow.destinationPort.bigEndian
        `protocol` = flow.transport.rawValue
    }
}

extension onvm_flow_verdict {
    init(_ verdict: FlowVerdict) {
        switch verdict {
        case .pass: self.init(action: UInt32(ONVM_FLOW_PASS), slot: 0)
        case .drop: self.init(action: UInt32(ONVM_FLOW_DROP), slot: 0)
        case .slot(let slot): self.init(action: UInt32(ONVM_FLOW_SLOT), slot: slot)
        }
    }
}

extension onvm_service {
    init(_ service: ServiceDefinition, soleSlot: UInt32) {
        self.init()
        defined = 1
        switch service.isolation {
        case .none: isolation = UInt8(ONVM_ISOLATION_NONE)
        case .client: isolation = UInt8(ONVM_ISOLATION_CLIENT)
        case .connection: isolation = UInt8(ONVM_ISOLATION_CONNECTION)
        }
        switch service.overflow {
        case .refuse: overflow = UInt8(ONVM_OVERFLOW_REFUSE)
        case .share: overflow = UInt8(ONVM_OVERFLOW_SHARE)
        case .drop: overflow = UInt8(ONVM_OVERFLOW_DROP)
        }
        flags = service.returnsByPath ? UInt8(ONVM_SERVICE_RETURN_PATH) : 0
        half_open_limit = service.halfOpenLimit
        prefix_limit = service.prefixLimit
        address_limit = service.addressLimit
        guest_limit = service.guestLimit
        let prefix = service.ipv6PrefixLength
        ipv6_mask_high = Self.mask(min(prefix, 64)).bigEndian
        ipv6_mask_low = Self.mask(max(prefix - 64, 0)).bigEndian
        sole_slot = soleSlot
    }

    private static func mask(_ bits: Int) -> UInt64 { bits == 0 ? 0 : ~0 << UInt64(64 - bits) }
}

/// The word `onvm_slot.state`.
struct SlotState: Equatable {
    var word: UInt64

    init(word: UInt64) { self.word = word }
    init(generation: UInt32, kind: Int) { word = UInt64(generation) << 8 | UInt64(kind) }

    var generation: UInt32 { UInt32(truncatingIfNeeded: word >> 8) }
    var kind: Int { Int(word & 0xFF) }
}
