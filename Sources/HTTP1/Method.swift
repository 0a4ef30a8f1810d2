/// A request method, RFC 9110 §9.3 and RFC 5789. Methods are case-sensitive.
public enum Method: UInt8, Sendable, BitwiseCopyable {
    case get, head, options, post, put, delete, patch, connect, trace
    /// A token that names no method this server knows: answered with 501 (RFC 9110 §9.1).
    case unknown

    init(_ bytes: RawSpan, _ range: Range<Int>) {
        self = .unknown
        switch range.count {
        case 3:
            if bytes.equals("GET", in: range) { self = .get }
            if bytes.equals("PUT", in: range) { self = .put }
        case 4:
            if bytes.equals("HEAD", in: range) { self = .head }
            if bytes.equals("POST", in: range) { self = .post }
        case 5:
            if bytes.equals("PATCH", in: range) { self = .patch }
            if bytes.equals("TRACE", in: range) { self = .trace }
        case 6:
            if bytes.equals("DELETE", in: range) { self = .delete }
        case 7:
            if bytes.equals("OPTIONS", in: range) { self = .options }
            if bytes.equals("CONNECT", in: range) { self = .connect }
        default: break
        }
    }
}
