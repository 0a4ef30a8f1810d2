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
