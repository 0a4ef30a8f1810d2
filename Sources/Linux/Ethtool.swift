import CLinux
import Glibc

/// Driver settings of network devices (ioctl SIOCETHTOOL, <linux/ethtool.h>).
public struct Ethtool: ~Copyable {
    private let socket: FileDescriptor

    /// For the devices of the thread's network namespace.
    public init() throws(Errno) {
        socket = FileDescriptor(
            owning: try Errno.check(Glibc.socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)))
    }

    /// The driver behind a device, such as "virtio_net" or "veth".
    public func driver(of device: String) throws(Errno) -> String {
        var info = ethtool_drvinfo()
        info.cmd = UInt32(ETHTOOL_GDRVINFO)
        try perform(&info, on: device)
        return unsafe withUnsafeBytes(of: info.driver) { raw in
            unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// How many queues a device has: its combined channels plus the larger of its RX and TX ones.
    public func queueCount(of device: String) throws(Errno) -> UInt32 {
        var channels = ethtool_channels()
        channels.cmd = UInt32(ETHTOOL_GCHANNELS)
        try perform(&channels, on: device)
        return channels.combined_count + max(channels.rx_count, channels.tx_count)
    }

    private func perform<Command>(_ command: inout Command, on device: String) throws(Errno) {
        let result = unsafe withUnsafeMutableBytes(of: &command) { raw in
            unsafe CLinux_ethtool(socket.rawValue, device, raw.baseAddress!)
        }
        try Errno.check(result)
    }

    /// Commands with a variable tail: `words` is the whole structure.
    /// - Returns: What the call returned: for ETHTOOL_SFEATURES, flags of what was not done.
    @discardableResult
    func perform(words: inout [UInt32], on device: String) throws(Errno) -> CInt {
        let result = unsafe words.withUnsafeMutableBytes { raw in
            unsafe CLinux_ethtool(socket.rawValue, device, raw.baseAddress!)
        }
        return try Errno.check(result)
    }
}
