/// A request's path made plain: percent-decoded, without empty and dot segments, relative to the document root.
public struct RequestPath: BitwiseCopyable, Sendable {
    /// Where the plain path lies: in the request, or in the scratch memory.
    public enum Storage: Sendable, BitwiseCopyable { case request, scratch }

    public var storage = Storage.request
    /// Without a slash at either end. Empty for the root.
    public var bytes = ByteSlice(0, 0)
    /// The path ended in a slash (or in a dot segment): it names a directory. True for the root.
    public var isDirectory = true
    /// A segment starts with a period.
    public var hasDotFile = false

    /// The root.
    public init() {}

    /// Makes `path` plain; returns the status of a path that cannot be.
    /// - Parameters:
    ///   - request: The span the head was parsed from.
    ///   - scratch: Written to when the path is not plain already.
    public mutating func set(_ request: RawSpan, _ path: ByteSlice, scratch: inout ByteWriter) -> Status? {
        self = RequestPath()
        guard path.count > 0 else { return nil }
        let range = path.range
        guard Self.isPlain(request, range) else { return decode(request, range, &scratch) }
        isDirectory = request.octet(range.upperBound &- 1) == ASCII.slash
        let start = range.lowerBound &+ 1
        bytes = ByteSlice(start, max(start, isDirectory ? range.upperBound &- 1 : range.upperBound))
        return nil
    }

    /// No percent sign, no empty segment, and no segment that starts with a period.
    private static func isPlain(_ request: RawSpan, _ range: Range<Int>) -> Bool {
        var previous: UInt8 = 0
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = request.octet(unchecked: index)
            if byte == ASCII.percent { return false }
            if previous == ASCII.slash, byte == ASCII.slash || byte == ASCII.period { return false }
            previous = byte
            index &+= 1
        }
        return true
    }

    /// Decodes segment by segment, then drops "." and takes one segment back for "..", never past the root
    /// (RFC 3986 §5.2.4, §6.2.2). Decoding comes first, so "%2e%2e" is "..".
    private mutating func decode(_ request: RawSpan, _ range: Range<Int>, _ scratch: inout ByteWriter) -> Status? {
        scratch.truncate(to: 0)
        var index = range.lowerBound
        while index < range.upperBound {
            // `index` is at a slash.
            index &+= 1
            let start = scratch.count
            if start > 0 { scratch.append(octet: ASCII.slash) }
            let segment = scratch.count
            while index < range.upperBound, request.octet(index) != ASCII.slash {
                var byte = request.octet(index)
                if byte == ASCII.percent {
                    guard index &+ 2 < range.upperBound,
                        let high = hexadecimalValue(request.octet(index &+ 1)),
                        let low = hexadecimalValue(request.octet(index &+ 2))
                    else { return .badRequest }
                    byte = high << 4 | low
                    index &+= 2
                    if byte == 0 { return .badRequest }
                    // No file name has a slash in it, so nothing can be found under this name.
                    if byte == ASCII.slash { return .notFound }
                }
                scratch.append(octet: byte)
                index &+= 1
            }
            if scratch.overflowed { return .uriTooLong }
            switch Segment(scratch, from: segment) {
            case .empty, .current:
                scratch.truncate(to: start)
                isDirectory = true
            case .parent:
                scratch.truncate(to: Self.parent(scratch, start))
                isDirectory = true
            case .dotFile:
                hasDotFile = true
                isDirectory = false
            case .name:
                isDirectory = false
            }
        }
        storage = .scratch
        bytes = ByteSlice(0, scratch.count)
        return nil
    }

    private enum Segment {
        case empty, current, parent, dotFile, name

        init(_ scratch: ByteWriter, from start: Int) {
            let count = scratch.count &- start
            guard count > 0 else {
                self = .empty
                return
            }
            guard scratch.octet(start) == ASCII.period else {
                self = .name
                return
            }
            if count == 1 {
                self = .current
            } else {
                self = count == 2 && scratch.octet(start &+ 1) == ASCII.period ? .parent : .dotFile
            }
        }
    }

    /// Where the path that ends at `end` loses its last segment.
    private static func parent(_ scratch: ByteWriter, _ end: Int) -> Int {
        var position = end
        while position > 0 {
            position &-= 1
            if scratch.octet(position) == ASCII.slash { return position }
        }
        return 0
    }
}

extension ByteWriter {
    /// A byte written before.
    public func octet(_ offset: Int) -> UInt8 {
        precondition(offset < count)
        // Safe: offset < count <= capacity.
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Percent-encodes what a path may not hold (RFC 3986 §3.3), so that it is safe in a Location field.
    public mutating func append(percentEncoding path: RawSpan) {
        for index in 0..<path.byteCount {
            let byte = path.octet(index)
            if CharacterClass.path.contains(byte) {
                append(octet: byte)
            } else {
                append(octet: ASCII.percent)
                append(octet: Self.uppercaseDigit(byte >> 4))
                append(octet: Self.uppercaseDigit(byte & 15))
            }
        }
    }

    private static func uppercaseDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x37 &+ value }
}
