import Testing

@testable import Linux

/// Bytes from hex text; a comment runs from `#` to the end of its line.
func hex(_ text: String) -> [UInt8] {
    text.split(separator: "\n").flatMap { line in
        line.prefix { $0 != "#" }.split(separator: " ").flatMap { word in
            stride(from: 0, to: word.count, by: 2).map { offset in
                let start = word.index(word.startIndex, offsetBy: offset)
                return UInt8(word[start..<word.index(start, offsetBy: 2)], radix: 16)!
            }
        }
    }
}

/// Frames of a little-endian host, as strace(1) shows them for iproute2 doing the same.
@Suite struct NetlinkEncodingTests {
    @Test func createsVethPair() {
        var writer = NetlinkWriter(firstSequence: 7)
        writer.createVethPair(VethPair(host: "onvm3h", networkFunction: "onvm3n", mtu: 1500, group: 9))
        let expected = hex(
            """
            a0000000 1000 0506 07000000 00000000    # length 160, RTM_NEWLINK, REQUEST|ACK|EXCL|CREATE, sequence, port
            00 00 0000 00000000 00000000 00000000   # ifinfomsg: family, pad, type, index, flags, change
            0b00 0300 6f6e766d336800 00             # IFLA_IFNAME "onvm3h"
            0800 0400 dc050000                      # IFLA_MTU 1500
            0800 1b00 09000000                      # IFLA_GROUP 9
            0800 1f00 01000000                      # IFLA_NUM_TX_QUEUES 1
            0800 2000 01000000                      # IFLA_NUM_RX_QUEUES 1
            5400 1280                               # IFLA_LINKINFO, nested
              0900 0100 7665746800 000000           #   IFLA_INFO_KIND "veth"
              4400 0280                             #   IFLA_INFO_DATA, nested
                4000 0100                           #     VETH_INFO_PEER
                  00 00 0000 00000000 00000000 00000000
                  0b00 0300 6f6e766d336e00 00       #       IFLA_IFNAME "onvm3n"
                  0800 0400 dc050000
                  0800 1b00 09000000
                  0800 1f00 01000000
                  0800 2000 01000000
            """)
        #expect(writer.bytes.count == 160)
        #expect(writer.bytes == expected)
    }

    @Test func changesLink() {
        var writer = NetlinkWriter()
        var change = LinkChange(index: 5)
        (change.isUp, change.alias, change.disablesIPv6AddressGeneration) = (true, "onvm:web", true)
        writer.changeLink(change)
        #expect(
            writer.bytes
                == hex(
                    """
                    40000000 1300 0500 01000000 00000000    # length 64, RTM_SETLINK, REQUEST|ACK, sequence 1
                    00 00 0000 05000000 01000000 01000000   # index 5, IFF_UP, change IFF_UP
                    0d00 1400 6f6e766d3a77656200 000000     # IFLA_IFALIAS "onvm:web"
                    1000 1a80                               # IFLA_AF_SPEC, nested
                      0c00 0a80                             #   AF_INET6, nested
                        0500 0800 01 000000                 #     IFLA_INET6_ADDR_GEN_MODE none
                    """))
    }

    @Test func deletesLinkAndSetsFIFO() {
        var writer = NetlinkWriter()
        writer.deleteLink(index: 5)
        writer.setPacketFIFO(index: 6, packetLimit: 256)
        #expect(
            writer.bytes
                == hex(
                    """
                    20000000 1100 0500 01000000 00000000    # length 32, RTM_DELLINK
                    00 00 0000 05000000 00000000 00000000
                    38000000 2400 0505 02000000 00000000    # length 56, RTM_NEWQDISC, REQUEST|ACK|REPLACE|CREATE
                    00000000 06000000 00000000 ffffffff 00000000    # tcmsg: family, index, handle, TC_H_ROOT, info
                    0a00 0100 706669666f00 0000             # TCA_KIND "pfifo"
                    0800 0200 00010000                      # TCA_OPTIONS: tc_fifo_qopt limit 256
                    """))
        #expect(writer.messageCount == 2)
    }

    @Test func readsLink() throws {
        let datagram = hex(
            """
            7c000000 1000 0000 01000000 00000000    # length 124, RTM_NEWLINK
            00 00 0100 07000000 41000000 00000000   # ARPHRD_ETHER, index 7, IFF_UP|IFF_RUNNING
            0a00 0300 706f72743000 0000             # IFLA_IFNAME "port0"
            0a00 0100 020000000a01 0000             # IFLA_ADDRESS
            0800 0400 28230000                      # IFLA_MTU 9000
            0800 1b00 02000000                      # IFLA_GROUP 2
            0800 2000 04000000                      # IFLA_NUM_RX_QUEUES 4
            1000 1200                               # IFLA_LINKINFO
              0900 0100 7665746800 000000           #   IFLA_INFO_KIND "veth"
            1c00 2b80                               # IFLA_XDP
              0500 0200 01 000000                   #   IFLA_XDP_ATTACHED XDP_ATTACHED_DRV
              0800 0400 2a000000                    #   IFLA_XDP_PROG_ID 42
              0800 0500 2a000000                    #   IFLA_XDP_DRV_PROG_ID 42
            """)
        let messages = NetlinkMessage.messages(in: datagram)
        let link = try #require(messages.first.flatMap(Link.init))
        #expect(link.name == "port0")
        #expect(link.index == 7)
        #expect(link.isUp && !link.isLoopback)
        #expect(link.address == [2, 0, 0, 0, 10, 1])
        #expect((link.mtu, link.group, link.rxQueues, link.kind) == (9000, 2, 4, "veth"))
        #expect((link.nativeXDP, link.genericXDP, link.xdpProgram) == (42, nil, 42))
    }

    @Test func readsRefusal() throws {
        let datagram = hex(
            """
            38000000 0200 0003 01000000 00000000    # length 56, NLMSG_ERROR, NLM_F_CAPPED|NLM_F_ACK_TLVS
            f0ffffff                                # -EBUSY
            20000000 1000 0500 01000000 00000000    # the request's header
            1300 0100 446576696365206973 2062757379 00 00    # NLMSGERR_ATTR_MSG "Device is busy"
            """)
        let refusal = try #require(NetlinkMessage.messages(in: datagram).first?.acknowledgement)
        #expect(refusal == .init(errno: .busy, text: "Device is busy"))
    }

    @Test func readsAddress() throws {
        let datagram = hex(
            """
            28000000 1400 0200 01000000 00000000    # length 40, RTM_NEWADDR
            02 18 80 00 07000000                    # AF_INET, /24, permanent, universe, index 7
            0800 0100 0a4d0002                      # IFA_ADDRESS 10.77.0.2
            0800 0200 0a4d0001                      # IFA_LOCAL 10.77.0.1
            """)
        let address = try #require(NetlinkMessage.messages(in: datagram).first.flatMap(LinkAddress.init))
        #expect(address.bytes == [10, 77, 0, 1])
        #expect((address.index, address.prefixLength) == (7, 24))
    }

    /// Whatever arrives, reading ends without a trap.
    @Test func survivesTruncation() {
        let whole = hex("20000000 1000 0000 01000000 00000000 0000 0100 07000000 41000000 00000000 0a00 0300 706f")
        for count in 0...whole.count {
            for message in NetlinkMessage.messages(in: Array(whole.prefix(count))) {
                _ = Link(message)
                _ = LinkAddress(message)
                _ = message.acknowledgement
            }
        }
        for byte in 0..<whole.count {
            var broken = whole
            broken[byte] = 0xFF
            for message in NetlinkMessage.messages(in: broken) { _ = Link(message) }
        }
    }
}
