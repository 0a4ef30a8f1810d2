import Glibc
public import Linux

/// A descriptor that tells when its last copy is closed, wherever that was: one end of a socket pair, whose other end
/// then hangs up. To count a process's descriptors, or to look at a number that was freed, would see other tests' too.
public struct WatchedDescriptor: ~Copyable {
    private let watch: SequencedSocket
    private var file: FileDescriptor?
    /// To be sent, duplicated or looked at.
    public let rawValue: CInt

    public init() throws(Errno) {
        let pair = try SequencedSocket.pair()
        watch = pair.first
        rawValue = pair.second.descriptor.rawValue
        file = FileDescriptor(owning: pair.second.release())
    }

    /// Gives the descriptor away: closing it is the caller's from now on.
    public mutating func take() -> FileDescriptor? { file.take() }

    /// Whether every copy is closed. A copy that a child process of another test holds until its execve(2) is waited for.
    public func isClosed(timeoutMilliseconds: CInt = 2000) -> Bool {
        var entry = pollfd(fd: watch.descriptor.rawValue, events: 0, revents: 0)
        return unsafe poll(&entry, 1, timeoutMilliseconds) == 1 && entry.revents & Int16(POLLHUP) != 0
    }

    /// Closes the descriptor here, and asks whether that was the last copy.
    public consuming func isClosedEverywhere() -> Bool {
        file = nil
        return isClosed()
    }
}
