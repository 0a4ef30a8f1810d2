import CLinux
import Foundation
import Linux
import Testing

/// Runs `body` on a thread of its own, in a new network namespace that ends with the thread.
func inNewNetworkNamespace(_ body: @escaping @Sendable () throws -> Void) throws {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var failure: (any Error)?
    let thread = Thread {
        do {
            try Errno.check(CLinux_unshare(CInt(CLINUX_CLONE_NEWNET)))
            try body()
        } catch {
            unsafe failure = error
        }
        done.signal()
    }
    thread.start()
    done.wait()
    if let failure = unsafe failure { throw failure }
}

/// Needs root: without it these tests fail and say so.
@Suite struct NetlinkLiveTests {
    @Test func makesAndRemovesPairs() throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            let pairs = (0..<32).map {
                VethPair(host: "onvm\($0)h", networkFunction: "onvm\($0)n", mtu: 9000, group: 77)
            }
            let indices = try netlink.createVethPairs(pairs)
            var change = LinkChange(index: indices[3].host)
            (change.isUp, change.alias, change.disablesIPv6AddressGeneration) = (true, "onvm:test", true)
            try netlink.change([change])
            try netlink.setPacketFIFO(index: indices[3].networkFunction, packetLimit: 64)

            let link = try netlink.link(named: "onvm3h")
            #expect(link?.index == indices[3].host)
            #expect(link?.isUp == true)
            #expect((link?.alias, link?.mtu, link?.group, link?.kind) == ("onvm:test", 9000, 77, "veth"))
            #expect((link?.rxQueues, link?.txQueues, link?.xdpProgram) == (1, 1, nil))
            #expect(link?.address.count == 6)
            #expect(try netlink.links().count == 65)

            try netlink.deleteLinks(indices: [indices[0].host, indices[0].networkFunction])
            #expect(try netlink.link(named: "onvm0n") == nil)
            try netlink.deleteLinks(group: 77)
            #expect(try netlink.links().map(\.name) == ["lo"])
        }
    }

    @Test func saysWhyAPairIsRefused() throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            let pair = VethPair(host: "onvmh", networkFunction: "onvmn", mtu: 1500, group: 77)
            _ = try netlink.createVethPairs([pair])
            do {
                _ = try netlink.createVethPairs([pair])
                Issue.record("the second pair of the same name was made")
            } catch let error as NetlinkError {
                #expect(error.errno == Errno(rawValue: EEXIST))
                #expect(error.description.hasPrefix("create veth pair onvmh: "))
            }
        }
    }

    @Test func changesFeatures() throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            _ = try netlink.createVethPairs([VethPair(host: "onvmh", networkFunction: "onvmn", mtu: 1500, group: 77)])
            let ethtool = try Ethtool()
            #expect(try ethtool.driver(of: "onvmh") == "veth")
            #expect(try ethtool.queueCount(of: "onvmh") == 1)
            let names = try EthtoolFeatureNames(ethtool, device: "lo")
            #expect(names.tcpSegmentation.contains("tx-tcp-segmentation"))
            #expect(names.tcpSegmentation.contains("tx-tcp6-segmentation"))
            #expect(try ethtool.features(of: "onvmn", names).isActive("tx-tcp-segmentation"))
            try ethtool.setFeatures(
                Dictionary(uniqueKeysWithValues: names.tcpSegmentation.map { ($0, false) }), of: "onvmn", names)
            let features = try ethtool.features(of: "onvmn", names)
            #expect(!names.tcpSegmentation.contains { features.isActive($0) })
            #expect(features.isActive("tx-checksum-ip-generic"))
        }
    }

    /// veth has declared its features since the family exists (Linux 6.3).
    @Test func readsXDPFeatures() throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            let indices = try netlink.createVethPairs([
                VethPair(host: "onvmh", networkFunction: "onvmn", mtu: 1500, group: 77)
            ])
            guard var family = try NetdevFamily() else { return }
            let features = try family.xdpFeatures(index: indices[0].host)
            #expect(features?.isSuperset(of: [.native, .redirect]) == true)
            #expect(features?.contains(.zeroCopy) == false)
        }
    }

    @Test func listsAddresses() throws {
        try inNewNetworkNamespace {
            var netlink = try NetlinkSocket()
            var change = LinkChange(index: 1)
            change.isUp = true
            try netlink.change([change])
            let addresses = try netlink.addresses().filter { $0.index == 1 }.map(\.bytes)
            #expect(addresses.contains([127, 0, 0, 1]))
        }
    }
}

/// Needs root.
@Suite struct NetlinkLinkMonitorTests {
    @Test func hearsWhatIsRemovedAndNothingElse() throws {
        try inNewNetworkNamespace {
            let monitor = try NetlinkLinkMonitor()
            var netlink = try NetlinkSocket()
            let pair = VethPair(host: "onvm0h", networkFunction: "onvm0n", mtu: 1500, group: 77)
            let indices = try netlink.createVethPairs([pair])[0]
            var up = LinkChange(index: indices.host)
            up.isUp = true
            try netlink.change([up])
            try netlink.setPacketFIFO(index: indices.host, packetLimit: 64)
            #expect(monitor.events().isEmpty)
            try Self.tc("qdisc", "add", "dev", "onvm0h", "clsact")
            try Self.tc(
                "filter", "add", "dev", "onvm0h", "ingress", "prio", "1", "bpf", "bytecode", "1,6 0 0 0,")
            #expect(monitor.events().isEmpty)
            try Self.tc("filter", "del", "dev", "onvm0h", "ingress", "prio", "1")
            #expect(Set(Self.lost(monitor.events())) == [indices.host])
            try Self.tc("qdisc", "del", "dev", "onvm0h", "clsact")
            #expect(Set(Self.lost(monitor.events())) == [indices.host])
            // Another queueing discipline polices nothing.
            try Self.tc("qdisc", "del", "dev", "onvm0h", "root")
            #expect(monitor.events().isEmpty)
            try netlink.deleteLinks(indices: [indices.host])
            let removed = monitor.events().compactMap { if case .removed(let index) = $0 { index } else { nil } }
            #expect(Set(removed) == [indices.host, indices.networkFunction])
        }
    }

    private static func lost(_ events: [NetlinkLinkMonitor.Event]) -> [UInt32] {
        events.compactMap { if case .filterRemoved(let index) = $0 { index } else { nil } }
    }

    /// tc(8) in the namespace of the calling thread.
    private static func tc(_ arguments: String...) throws {
        var words = unsafe (["tc"] + arguments).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        var pid: pid_t = 0
        try #require(unsafe posix_spawnp(&pid, "tc", nil, nil, &words, environ) == 0)
        var status: CInt = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        try #require(status == 0, "tc \(arguments.joined(separator: " "))")
    }
}
