public import Glibc

/// An error number from the kernel (errno(3)).
public struct Errno: Error, Equatable, Sendable {
    public let rawValue: CInt

    @inlinable public init(rawValue: CInt) { self.rawValue = rawValue }

    /// What the last failed system call of this thread left.
    @inlinable public static var current: Errno { Errno(rawValue: errno) }

    /// `value` unless it is negative: the convention of almost every system call.
    @discardableResult
    @inlinable public static func check(_ value: CInt) throws(Errno) -> CInt {
        guard value >= 0 else { throw .current }
        return value
    }
}

extension Errno: CustomStringConvertible {
    /// The text of strerror(3) with the number, such as "Operation not permitted (errno 1)".
    public var description: String {
        guard let text = unsafe strerror(rawValue) else { return "errno \(rawValue)" }
        return unsafe "\(String(cString: text)) (errno \(rawValue))"
    }
}

extension Errno {
    @inlinable public static var interrupted: Errno { Errno(rawValue: EINTR) }
    @inlinable public static var wouldBlock: Errno { Errno(rawValue: EAGAIN) }
    @inlinable public static var busy: Errno { Errno(rawValue: EBUSY) }
    @inlinable public static var messageSize: Errno { Errno(rawValue: EMSGSIZE) }
    @inlinable public static var invalid: Errno { Errno(rawValue: EINVAL) }
    @inlinable public static var notPermitted: Errno { Errno(rawValue: EPERM) }
    @inlinable public static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
}
