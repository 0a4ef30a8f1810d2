import Glibc

/// How many files an NF may have open (getrlimit(2), RLIMIT_NOFILE).
enum OpenFileLimit {
    /// What it gets where nobody allows less.
    static let wanted: UInt64 = 1_024

    /// A hard limit can only be lowered without CAP_SYS_RESOURCE; a host that allows less has its reasons.
    static var allowed: UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        return min(wanted, UInt64(limit.rlim_max))
    }
}
