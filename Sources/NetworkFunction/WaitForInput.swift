public import TCPStack
import CLinux
import Glibc

/// Sleeps in ppoll(2) until the socket or the channel is readable or the deadline passed.
/// - Returns: whether the channel is readable or closed.
@usableFromInline func waitForInput(socket: CInt, channel: CInt, now: Instant, deadline: Instant?) -> Bool {
    var descriptors = (
        pollfd(fd: socket, events: Int16(POLLIN), revents: 0), pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
    )
    let wait = deadline.map { Int64(clamping: $0.nanoseconds &- now.nanoseconds) } ?? -1
    _ = unsafe withUnsafeMutableBytes(of: &descriptors) { raw in
        unsafe CLinux_poll_nanoseconds(raw.baseAddress!.assumingMemoryBound(to: pollfd.self), 2, wait)
    }
    return descriptors.1.revents != 0
}
