internal import BPF
internal import CBPFTypes

/// What the host's network says: its addresses (what a wildcard endpoint takes, and no client can have), and its routes.
extension Steering {
    /// - Parameter addresses: All of the ports' network namespace.
    public func setAddresses(_ addresses: some Collection<IPAddress>) throws {
        let wanted = Set(addresses)
        let known = Set(maps.addresses.keys.map(IPAddress.init))
        for address in wanted.subtracting(known) { try maps.addresses.update(onvm_address(address), 1) }
        for address in known.subtracting(wanted) { try maps.addresses.remove(onvm_address(address)) }
    }

    /// - Parameter index: Of a device that forwards (net.ipv4.conf.DEVICE.forwarding, and IPv6's), and may be down: the kernel
    ///   answers what its routes say only to a packet that comes by such a one (bpf_fib_lookup in net/core/filter.c). Without
    ///   one, answers leave by the port their client came by.
    public func setRouteDevice(index: UInt32) throws { try updateSettings { $0.route_device = index } }
}
