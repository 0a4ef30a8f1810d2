internal import BPF
import Linux

/// The user IDs of an instance's NFs, one a slot; the same numbers are their group IDs.
struct UserRange: Codable, Equatable, Hashable {
    let first: UInt32

    /// One for each slot that an instance may have, and the last for its log writers.
    static let count = UInt32(Topology.Limit.slots.upperBound) + 1
    /// What systemd's conventions leave free of everything (UIDS-GIDS of systemd), in ranges.
    private static let lowest: UInt32 = 1_879_048_192
    static let rangeCount: UInt32 = 16_384

    /// The user that log writers run as: the last, which no slot has.
    var logWriter: UInt32 { first + Self.count - 1 }

    /// - Parameter index: Below `rangeCount`.
    init(index: UInt32) {
        precondition(index < Self.rangeCount, "no such range of user IDs")
        first = Self.lowest + index * Self.count
    }

    /// - Returns: nil for a number that begins no range.
    init?(first: UInt32) {
        guard first >= Self.lowest, (first - Self.lowest) % Self.count == 0,
            (first - Self.lowest) / Self.count < Self.rangeCount
        else { return nil }
        self.first = first
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let range = UserRange(first: try container.decode(UInt32.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no range of user IDs begins there")
        }
        self = range
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(first)
    }

    var index: UInt32 { (first - Self.lowest) / Self.count }
    var ids: ClosedRange<UInt32> { first...first + (Self.count - 1) }

    static let all: ClosedRange<UInt32> = lowest...lowest + (rangeCount * count - 1)

    /// What the mark of its owner is called.
    var mark: String {
        let digits = String(first, radix: 16)
        return Self.markPrefix + String(repeating: "0", count: 8 - digits.count) + digits
    }
    private static let markPrefix = "onvm_u_"
}

/// Finds user IDs that nobody else has, and keeps others from taking them.
///
/// A range is claimed by a mark that managers see across mount, network and PID namespaces (`HostMark`). Nothing is
/// locked: who has made a mark looks whether there is another of that name, and lets go if so. Of two that make theirs at
/// the same time at least one sees the other, since each looks only after its own is there.
///
/// Not seen are files that belong to such a user, users that a name service knows and does not list, and processes of
/// another PID namespace that are no NFs.
struct UserAllocator {
    /// IDs in use or set aside for somebody.
    var taken: () throws -> [ClosedRange<UInt32>]
    var marks: () throws -> [String]
    /// Makes a mark that lasts as long as what is returned.
    var mark: (String) throws -> FileDescriptorBox

    struct Claim {
        let users: UserRange
        /// To be kept, or pinned, as long as there are NFs.
        let mark: FileDescriptorBox
    }

    /// - Parameter instance: The same name gets the same users again as long as they are free.
    func allocate(for instance: String) throws -> Claim {
        let taken = try taken()
        var index = Self.preferredIndex(instance)
        for _ in 0..<2 * UserRange.rangeCount {
            let users = UserRange(index: index)
            if !taken.contains(where: { $0.overlaps(users.ids) }), try !marks().contains(users.mark) {
                let mark = try mark(users.mark)
                if try marks().count(where: { $0 == users.mark }) == 1 { return Claim(users: users, mark: mark) }
                // The other one lets go, too, and would follow us to the next range.
                index = UInt32.random(in: 0..<UserRange.rangeCount)
            } else {
                index = (index + 1) % UserRange.rangeCount
            }
        }
        throw HostError(
            "no \(UserRange.count) user IDs in a row are free from \(UserRange.all.lowerBound) to "
                + "\(UserRange.all.upperBound) (see /etc/passwd, /etc/subuid and the running processes)")
    }

    static func preferredIndex(_ instance: String) -> UInt32 {
        let hash = InstanceHash.value(instance)
        return UInt32(truncatingIfNeeded: hash ^ hash >> 32) % UserRange.rangeCount
    }
}

extension UserAllocator {
    /// On this host.
    static var host: UserAllocator {
        UserAllocator(
            taken: { HostUsers.taken(within: UserRange.all) }, marks: { try HostMark.names() },
            mark: { FileDescriptorBox(try HostMark($0).release()) })
    }
}
