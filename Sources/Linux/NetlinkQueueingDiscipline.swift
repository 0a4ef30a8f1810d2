import CLinux

extension NetlinkWriter {
    /// Makes a FIFO of `packetLimit` packets the root queueing discipline (tc-pfifo(8)).
    public mutating func setPacketFIFO(index: UInt32, packetLimit: UInt32) {
        message(UInt16(RTM_NEWQDISC), [.acknowledge, .create, .replace]) {
            // struct tcmsg: family and padding, device, handle, parent (TC_H_ROOT), info.
            $0.append(0 as UInt32)
            $0.append(Int32(bitPattern: index))
            $0.append(0 as UInt32)
            $0.append(UInt32.max)
            $0.append(0 as UInt32)
            $0.attribute(Int(TCA_KIND), "pfifo")
            $0.attribute(Int(TCA_OPTIONS), packetLimit)
        }
    }
}

extension NetlinkSocket {
    /// How many filters the device's clsact qdisc has, for both directions.
    public static func filterCount(index: UInt32) throws(NetlinkError) -> Int {
        var socket = try NetlinkSocket()
        var count = 0
        // TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of <linux/pkt_sched.h>.
        for parent: UInt32 in [0xFFFF_FFF2, 0xFFFF_FFF3] {
            count += try socket.dump("list the filters of device \(index)") { writer in
                writer.message(UInt16(RTM_GETTFILTER), .dump) {
                    // struct tcmsg, as above.
                    $0.append(0 as UInt32)
                    $0.append(Int32(bitPattern: index))
                    $0.append(0 as UInt32)
                    $0.append(parent)
                    $0.append(0 as UInt32)
                }
            }.count
        }
        return count
    }

    /// With a queueing discipline a veth whose peer is full keeps the frame and says so (Linux 6.16); else it drops it.
    public mutating func setPacketFIFO(index: UInt32, packetLimit: UInt32) throws(NetlinkError) {
        try perform("attach pfifo to device \(index)") { $0.setPacketFIFO(index: index, packetLimit: packetLimit) }
    }
}
