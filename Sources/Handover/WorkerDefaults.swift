/// Defaults of the options that every service has, as the manager must know them, too: it sizes what an NF may use.
public enum WorkerDefaults {
    /// `connections`
    public static let connections = 65_536
    /// `receive_pool_kib`
    public static let receivePoolKiB = 16_384
}
