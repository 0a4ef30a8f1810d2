import Yams

/// Reads what a service's NFs may use.
extension ServiceParser {
    static let resourceKeys = ["cpu_weight", "cpu_limit", "memory", "rate", "burst", "violations"]

    func resources(_ mapping: Node.Mapping) -> Topology.Resources {
        var resources = Topology.Resources()
        if let value = mapping["cpu_weight"] {
            resources.cpuWeight =
                reader.integer(value, "cpu_weight", in: Topology.Limit.cpuWeight) ?? resources.cpuWeight
        }
        if let value = mapping["cpu_limit"] {
            resources.cpuPercent = reader.quantity(
                value, "cpu_limit", in: Topology.Limit.cpuPercent, form: TopologyUnits.percentForm,
                describe: { "\($0)%" }, parse: TopologyUnits.percent)
        }
        if let value = mapping["memory"] {
            resources.memoryByteCount = reader.quantity(
                value, "memory", in: Topology.Limit.memoryByteCount, form: TopologyUnits.sizeForm,
                describe: TopologyUnits.describe(byteCount:), parse: TopologyUnits.byteCount)
        }
        if let value = mapping["violations"] {
            resources.violations =
                reader.integer(value, "violations", in: Topology.Limit.violations) ?? resources.violations
        }
        resources.rate = rate(mapping)
        return resources
    }

    private func rate(_ mapping: Node.Mapping) -> SlotAttachment.Rate? {
        guard let value = mapping["rate"] else {
            if let burst = mapping["burst"] {
                reader.error("burst without rate", at: burst.location, expected: "a rate, too, such as rate: 100MB/s")
            }
            return nil
        }
        let rate = reader.quantity(
            value, "rate", in: Topology.Limit.rate, form: TopologyUnits.rateForm,
            describe: { "\($0)B/s" }, parse: TopologyUnits.bytesPerSecond)
        var burst: Int?
        if let value = mapping["burst"] {
            burst = reader.quantity(
                value, "burst", in: Topology.Limit.burstByteCount, form: TopologyUnits.sizeForm,
                describe: TopologyUnits.describe(byteCount:), parse: TopologyUnits.byteCount)
        }
        guard let rate else { return nil }
        // A tenth of a second of it, and not less than a few of the largest buffers.
        let fitting = max(Topology.Limit.burstByteCount.lowerBound * 4, rate / 10)
        return SlotAttachment.Rate(
            bytesPerSecond: UInt64(rate),
            burstBytes: UInt64(burst ?? min(fitting, Topology.Limit.burstByteCount.upperBound)))
    }
}
