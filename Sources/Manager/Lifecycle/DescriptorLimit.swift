import Glibc
import Linux

/// How many descriptors the manager may have (getrlimit(2), RLIMIT_NOFILE).
enum DescriptorLimit {
    /// An NF's socket, memory, telemetry, channel, process and TAP, and the links of its programs.
    static let perFunction: UInt64 = 8
    /// Programs, maps, sockets, clients.
    static let ownNeed: UInt64 = 128

    static func needed(for slots: Int) -> UInt64 { ownNeed + perFunction * UInt64(slots) }

    /// Raises the limit as far as is allowed and useful.
    /// - Returns: A warning where that is too little.
    static func raise(for slots: Int) -> String? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
        let needed = rlim_t(needed(for: slots))
        if limit.rlim_max < needed {
            // With CAP_SYS_RESOURCE, up to fs.nr_open.
            var wider = rlimit(rlim_cur: needed, rlim_max: needed)
            if unsafe setrlimit(resource, &wider) == 0 { return nil }
        }
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(resource, &limit)
        guard limit.rlim_max < needed else { return nil }
        let room = limit.rlim_max > ownNeed ? (UInt64(limit.rlim_max) - ownNeed) / perFunction : 0
        return "the limit of open files is \(limit.rlim_max) (ulimit -Hn), enough for some \(room) of \(slots) NFs; "
            + "\(needed) would do for all"
    }
}
