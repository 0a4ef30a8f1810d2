import Glibc

/// How much is drawn at random: a little in every run, more on demand, one seed again when it failed.
enum Seeds {
    /// ONVM_SEEDS=5000 for a long run.
    static let count = environment("ONVM_SEEDS") ?? 60
    /// Of those that take milliseconds.
    static let manyCount = count * 34
    /// ONVM_SEED=17 runs that seed of the transfer tests again and prints its segments.
    static let replayed = environment("ONVM_SEED")

    private static func environment(_ name: String) -> UInt64? {
        unsafe getenv(name).flatMap { unsafe UInt64(String(cString: $0)) }
    }
}
