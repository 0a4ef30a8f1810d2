import CLinux
import Glibc

/// TAP devices: what is written to the descriptor comes in by the device (Documentation/networking/tuntap.rst).
public enum Tap {
    /// Whether this host has them (/dev/net/tun).
    public static var isAvailable: Bool { CLinux_probe_tap() == 0 }

    /// Makes a device in the thread's network namespace, down. Each frame has `headerByteCount` bytes of
    /// struct virtio_net_hdr before it (<linux/virtio_net.h>), so that one frame can be a whole run of TCP segments.
    /// - Parameter sendByteCount: Kernel memory that frames may take until somebody received them or a device sent them;
    ///   beyond it write(2) says EAGAIN.
    /// - Returns: The descriptor to write to. The device goes with the last duplicate of it.
    public static func make(_ name: String, sendByteCount: Int) throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Errno.check(unsafe CLinux_open_tap(name, CInt(sendByteCount))))
    }

    public static let headerByteCount = 10
}
