internal import BPF
internal import CBPFTypes

/// Which addresses are this host's: what a wildcard endpoint takes, and what no client can have.
extension Steering {
    /// - Parameter addresses: All of the ports' network namespace.
    public func setAddresses(_ addresses: some Collection<IPAddress>) throws {
        let wanted = Set(addresses)
        let known = Set(maps.addresses.keys.map(IPAddress.init))
        for address in wanted.subtracting(known) { try maps.addresses.update(onvm_address(address), 1) }
        for address in known.subtracting(wanted) { try maps.addresses.remove(onvm_address(address)) }
    }
}
