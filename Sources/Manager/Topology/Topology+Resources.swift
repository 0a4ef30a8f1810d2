import Foundation
import Handover

extension Topology {
    /// What each NF of a service may use of the host.
    public struct Resources: Equatable, Sendable {
        /// Its share of a core that others want, too.
        public var cpuWeight = 100
        /// Percent of a core, at most; nil: no ceiling.
        public var cpuPercent: Int?
        /// Memory of its own; nil: what its tables can need at most.
        public var memoryByteCount: Int?
        /// What it may send; nil: no limit.
        public var rate: SlotAttachment.Rate?
        /// It is ended when it has sent so many forbidden frames in a minute.
        public var violations = 100

        public init() {}

        /// The nice value with that weight, against 0 for 100: each step is a quarter (sched_prio_to_weight in
        /// kernel/sched/core.c).
        var niceness: Int32 { Self.niceness(ofWeight: Double(cpuWeight)) }

        static func niceness(ofWeight weight: Double) -> Int32 {
            Int32(max(-20, min(19, (-log(weight / 100) / log(1.25)).rounded())))
        }
    }
}

extension Topology.Service {
    /// The most memory that one of its NFs gets, in bytes.
    ///
    /// Its packet memory is not in it: the manager makes that. A connection with all its entries takes less than
    /// `bytesPerConnection`, a file cache and the rest of a service less than `baseByteCount`; pages that are not touched
    /// are not there.
    public var memoryByteCount: Int {
        if let stated = resources.memoryByteCount { return stated }
        let connections = number(of: "connections") ?? WorkerDefaults.connections
        let receivePool = (number(of: "receive_pool_kib") ?? WorkerDefaults.receivePoolKiB) << 10
        return Self.baseByteCount + receivePool + connections * Self.bytesPerConnection
    }

    private static let baseByteCount = 64 << 20
    private static let bytesPerConnection = 2_048

    /// The NF says what is wrong with one that is no number, or too large for it.
    private func number(of key: String) -> Int? {
        options.last { $0.key == key }.flatMap { Int($0.value) }.map { Swift.max(0, Swift.min($0, 1 << 32)) }
    }
}

extension Topology.Limit {
    public static let cpuWeight = 1...10_000
    public static let cpuPercent = 1...100
    public static let memoryByteCount = 8 << 20...1 << 40
    /// From 64 kbit/s to 800 Gbit/s, in bytes a second.
    public static let rate = 8_000...100_000_000_000
    /// One buffer of an NF has up to 64 KiB.
    public static let burstByteCount = 64 << 10...1 << 30
    public static let violations = 1...1_000_000
}
