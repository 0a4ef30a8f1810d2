import CLinux
import Glibc
import Linux
import Logging

/// How the devices of slots are set up, all in one place.
struct SlotDeviceSettings {
    /// Bytes of the largest IP packet: the ports' MTU.
    var mtu: UInt32
    /// Whether there can be TAP devices.
    var hasTap: Bool
    /// Kernel memory that an NF's frames may take until a client's stack or a driver has them, in bytes: enough for some
    /// frames of 64 KiB, too little for a long queue (the limit is TCP Small Queues' idea, at the NF's size).
    var tapSendByteCount = 1 << 20
    // The rest is for NFs that send by their sockets.

    /// TCP segmentation off at the NF's end: veth aggregates only what a peer without it sends
    /// (veth_skb_is_eligible_for_gro in drivers/net/veth.c).
    var networkFunctionSegments = false
    /// The host's end merges the NF's segments again before the egress program sees them.
    var hostAggregates = true
    /// The host's end polls in a kernel thread, which sees more frames at a time to merge.
    var hostPollsInThread = true
    /// Packets that wait at the NF's end when the host's is full; 0: veth drops instead (Linux 6.16).
    var queueLimit: UInt32 = 0
}

/// Makes and removes the devices of an instance's slots.
final class SlotDevices: SlotDeviceMaker {
    private let names: SlotDeviceNames
    private let settings: SlotDeviceSettings
    private let log: Logger
    private var netlink: NetlinkSocket
    private let ethtool: Ethtool
    private let featureNames: EthtoolFeatureNames
    private let sysfs: FileDescriptorBox?
    private let hasIPv6: Bool

    init(names: SlotDeviceNames, settings: SlotDeviceSettings, log: Logger) throws {
        self.names = names
        self.settings = settings
        self.log = log
        netlink = try NetlinkSocket()
        ethtool = try Ethtool()
        featureNames = try EthtoolFeatureNames(ethtool, device: "lo")
        hasIPv6 = unsafe access("/proc/sys/net/ipv6", F_OK) == 0
        // /sys may show another network namespace's devices; this view shows the thread's.
        let view = CLinux_open_sysfs()
        sysfs = view >= 0 ? FileDescriptorBox(FileDescriptor(owning: view)) : nil
        if view < 0 { log.warning("no view of sysfs (\(Errno.current)): slots poll without kernel threads") }
    }

    func create(slots: [UInt32], sendBy: Topology.Transmit) throws -> [SlotDevice] {
        let hasTap = settings.hasTap && sendBy == .tap
        let pairs = slots.map {
            VethPair(
                host: names.host($0), networkFunction: names.networkFunction($0), mtu: settings.mtu,
                group: names.group(of: $0))
        }
        let indices = try netlink.createVethPairs(pairs)
        do {
            for pair in pairs { try prepare(pair, sends: !hasTap) }
            try netlink.change(indices.flatMap { [change($0.host), change($0.networkFunction)] })
        } catch {
            try? netlink.deleteLinks(indices: indices.map(\.host))
            throw error
        }
        var devices = indices.map { SlotDevice(hostIndex: $0.host, nfIndex: $0.networkFunction) }
        guard hasTap else { return devices }
        do {
            for (position, slot) in slots.enumerated() { devices[position].tap = try makeTap(slot) }
        } catch {
            try? netlink.deleteLinks(indices: indices.map(\.host))
            throw error
        }
        return devices
    }

    /// Makes the device that the egress program asks for routes in the name of; it is never up. It has the names, alias and
    /// group of a slot that there is not, so that it is removed with the others.
    func createRouteDevice(slot: UInt32) throws -> UInt32 {
        let pair = VethPair(
            host: names.host(slot), networkFunction: names.networkFunction(slot), mtu: settings.mtu,
            group: names.group(of: slot))
        let indices = try netlink.createVethPairs([pair])[0]
        do {
            for index in [indices.host, indices.networkFunction] {
                var change = LinkChange(index: index)
                change.alias = names.alias
                try netlink.change([change])
            }
            try writeFile("/proc/sys/net/ipv4/conf/\(pair.host)/forwarding", "1")
            if hasIPv6 { try writeFile("/proc/sys/net/ipv6/conf/\(pair.host)/forwarding", "1") }
        } catch {
            try? netlink.deleteLinks(indices: [indices.host])
            throw error
        }
        return indices.host
    }

    func bringUp(_ devices: [UInt32: SlotDevice]) throws {
        try netlink.change(
            devices.values.flatMap(\.indices).map {
                var change = LinkChange(index: $0)
                change.isUp = true
                return change
            })
        for (slot, device) in devices { finish(slot, device) }
    }

    /// What it makes goes with the last descriptor, so a failure needs no clean-up.
    private func makeTap(_ slot: UInt32) throws -> SlotTap {
        let name = names.tap(slot)
        let descriptor: FileDescriptor
        do {
            descriptor = try Tap.make(name, sendByteCount: settings.tapSendByteCount)
        } catch {
            throw HostError("cannot make the TAP device \(name) (/dev/net/tun): \(error)")
        }
        if hasIPv6 { try writeFile("/proc/sys/net/ipv6/conf/\(name)/disable_ipv6", "1") }
        let tap = SlotTap(index: unsafe if_nametoindex(name), descriptor: descriptor)
        var change = change(tap.index)
        change.group = names.group(of: slot)
        try netlink.change([change])
        return tap
    }

    func remove(_ device: SlotDevice) { try? netlink.deleteLinks(indices: device.indices) }

    /// Before the devices are up: nothing of the host's own must leave by them once they are up.
    private func prepare(_ pair: VethPair, sends: Bool) throws {
        if hasIPv6 {
            for device in [pair.host, pair.networkFunction] {
                try writeFile("/proc/sys/net/ipv6/conf/\(device)/disable_ipv6", "1")
            }
        }
        let segmentation = featureNames.tcpSegmentation.map { ($0, settings.networkFunctionSegments) }
        try ethtool.setFeatures(
            Dictionary(uniqueKeysWithValues: segmentation), of: pair.networkFunction, featureNames)
        try ethtool.setFeatures(["rx-gro": settings.hostAggregates && sends], of: pair.host, featureNames)
    }

    private func change(_ index: UInt32) -> LinkChange {
        var change = LinkChange(index: index)
        change.alias = names.alias
        change.distrustsSources = true
        change.disablesIPv6AddressGeneration = hasIPv6
        return change
    }

    /// What needs devices that are up. These only make NFs faster, so a refusal is not an error.
    private func finish(_ slot: UInt32, _ device: SlotDevice) {
        // The rest is for what an NF sends by its socket.
        guard device.tap == nil else { return }
        if settings.queueLimit > 0 {
            try? netlink.setPacketFIFO(index: device.nfIndex, packetLimit: settings.queueLimit)
        }
        guard settings.hostPollsInThread, let sysfs else { return }
        let name = names.host(slot)
        let path = "class/net/\(name)/threaded"
        let file = unsafe openat(sysfs.rawValue, path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        let descriptor = FileDescriptor(owning: file)
        if unsafe write(descriptor.rawValue, "1", 1) != 1 {
            log.debug("\(name): no kernel thread for polling: \(Errno.current)")
        }
    }

    /// Deletes every device of the instance, whoever made it.
    /// - Returns: How many slots had some.
    @discardableResult
    static func removeAll(of names: SlotDeviceNames) throws -> Int {
        var netlink = try NetlinkSocket()
        let links = try netlink.links()
        let own = links.filter(names.owns)
        for (group, members) in Dictionary(grouping: links, by: \.group).sorted(by: { $0.key < $1.key })
        where names.isOwn(group: group) && members.allSatisfy(names.owns) {
            try netlink.deleteLinks(group: group)
        }
        // Deleting one end of a pair deletes the other, so some of these have gone by then.
        if !own.isEmpty { try netlink.deleteLinks(indices: try netlink.links().filter(names.owns).map(\.index)) }
        return Set(own.map { SlotDeviceNames.number($0.name) }).count
    }
}

/// What the devices of an instance are called and known by.
struct SlotDeviceNames: Equatable {
    let instance: String
    /// The users of the instance's NFs, which no other instance has; nil when they are not known.
    let users: UserRange?
    /// Added to slot numbers, so that instances in one namespace have names of their own.
    let firstNumber: UInt32

    func host(_ slot: UInt32) -> String { "onvm\(firstNumber + slot)h" }
    func networkFunction(_ slot: UInt32) -> String { "onvm\(firstNumber + slot)n" }
    func tap(_ slot: UInt32) -> String { "onvm\(firstNumber + slot)t" }
    var alias: String { "onvm:\(instance)" }

    /// Devices are deleted by group: one grace period for all, under the lock that every other change of the host's
    /// network waits for. So a group is no more than some slots; its number is one that nobody is likely to use.
    func group(of slot: UInt32) -> UInt32 { (firstGroup ?? 0) | slot / Self.slotsPerGroup & 0x3FF }

    func isOwn(group: UInt32) -> Bool { group & ~0x3FF == firstGroup }

    private static let slotsPerGroup: UInt32 = 32
    /// As the users are no other instance's, the groups are none's.
    private var firstGroup: UInt32? { users.map { 0x4F00_0000 | $0.index << 10 } }

    /// A device that died with its manager before it got its alias is known by its group.
    func owns(_ link: Link) -> Bool {
        (link.kind == "veth" || link.kind == "tun")
            && (link.alias == alias
                || (link.alias.isEmpty && isOwn(group: link.group) && Self.number(link.name) != nil))
    }

    /// The number in a slot device's name.
    static func number(_ name: String) -> UInt32? {
        guard name.hasPrefix("onvm"), let end = name.last, "hnt".contains(end) else { return nil }
        return UInt32(name.dropFirst(4).dropLast())
    }

    /// Names that nothing has yet.
    static func free(instance: String, users: UserRange, among links: [Link]) -> SlotDeviceNames {
        let highest = links.compactMap { number($0.name) }.max()
        return SlotDeviceNames(instance: instance, users: users, firstNumber: highest.map { $0 + 1 } ?? 0)
    }
}

/// FNV-1a: the same in every process, unlike Swift's own hashing.
enum InstanceHash {
    static func value(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

func writeFile(_ path: String, _ text: String) throws(HostError) {
    do throws(Errno) {
        let file = try FileDescriptor(opening: path, flags: O_WRONLY)
        let bytes = Array(text.utf8)
        let written = unsafe write(file.rawValue, bytes, bytes.count)
        guard written == bytes.count else { throw .current }
    } catch {
        throw HostError("write \(text) to \(path): \(error)")
    }
}
