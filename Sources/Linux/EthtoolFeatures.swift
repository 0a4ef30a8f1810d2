import CLinux

/// The names of the kernel's device features, such as "tx-tcp-segmentation", in the order of their bits.
public struct EthtoolFeatureNames: Sendable {
    public let names: [String]

    /// Reads them from any device: they are the kernel's, not the driver's.
    public init(_ ethtool: borrowing Ethtool, device: String) throws(Errno) {
        // struct ethtool_sset_info: command, reserved, 64-bit mask, then one count.
        var query = [UInt32](repeating: 0, count: 5)
        query[0] = UInt32(ETHTOOL_GSSET_INFO)
        query[2] = 1 << UInt32(ETH_SS_FEATURES.rawValue)
        try ethtool.perform(words: &query, on: device)
        let count = Int(min(query[4], 1024))

        // struct ethtool_gstrings: command, set, count, then 32 bytes a name.
        let stride = Int(ETH_GSTRING_LEN)
        var strings = [UInt32](repeating: 0, count: 3 + count * stride / 4)
        strings[0] = UInt32(ETHTOOL_GSTRINGS)
        strings[1] = UInt32(ETH_SS_FEATURES.rawValue)
        strings[2] = UInt32(count)
        try ethtool.perform(words: &strings, on: device)
        let bytes = unsafe strings.withUnsafeBytes { unsafe Array($0.dropFirst(12)) }
        names = (0..<count).map {
            String(decoding: bytes[$0 * stride..<($0 + 1) * stride].prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Every TCP segmentation offload: while one is on, a veth peer does not aggregate what it receives
    /// (veth_skb_is_eligible_for_gro in drivers/net/veth.c tests NETIF_F_ALL_TSO).
    public var tcpSegmentation: [String] { names.filter { $0.hasPrefix("tx-tcp") && $0.hasSuffix("segmentation") } }

    var blockCount: Int { (names.count + 31) / 32 }

    func bit(of name: String) -> Int? { names.firstIndex(of: name) }
}

/// Which features of one device are on.
public struct EthtoolFeatures: Equatable, Sendable {
    public internal(set) var active: [String]
    /// Those whose state can be asked for.
    public internal(set) var changeable: [String]

    public func isActive(_ name: String) -> Bool { active.contains(name) }
}

extension Ethtool {
    public func features(of device: String, _ known: EthtoolFeatureNames) throws(Errno) -> EthtoolFeatures {
        // struct ethtool_gfeatures: command, count, then blocks of available, requested, active, never changed.
        var words = [UInt32](repeating: 0, count: 2 + known.blockCount * 4)
        words[0] = UInt32(ETHTOOL_GFEATURES)
        words[1] = UInt32(known.blockCount)
        try perform(words: &words, on: device)
        var features = EthtoolFeatures(active: [], changeable: [])
        for (bit, name) in known.names.enumerated() {
            let block = 2 + bit / 32 * 4
            let mask = UInt32(1) << UInt32(bit % 32)
            if words[block] & mask != 0 { features.changeable.append(name) }
            if words[block + 2] & mask != 0 { features.active.append(name) }
        }
        return features
    }

    /// Turns features on or off. Names that the kernel does not know are skipped.
    /// - Returns: False when the device left some as they were, because it cannot or because others need them.
    @discardableResult
    public func setFeatures(
        _ wanted: [String: Bool], of device: String, _ known: EthtoolFeatureNames
    ) throws(Errno) -> Bool {
        // struct ethtool_sfeatures: command, count, then blocks of valid, requested.
        var words = [UInt32](repeating: 0, count: 2 + known.blockCount * 2)
        words[0] = UInt32(ETHTOOL_SFEATURES)
        words[1] = UInt32(known.blockCount)
        for (name, on) in wanted {
            guard let bit = known.bit(of: name) else { continue }
            let block = 2 + bit / 32 * 2
            let mask = UInt32(1) << UInt32(bit % 32)
            words[block] |= mask
            if on { words[block + 1] |= mask }
        }
        return try perform(words: &words, on: device) == 0
    }
}
