/// Skips a chunked body, RFC 9112 §7.1. It keeps no byte: the state between two calls is a few numbers.
///
/// Strict like the head parser: CRLF only, no blank around the size, bounded extensions and trailers.
public struct ChunkedDecoder: BitwiseCopyable, Sendable {
    private enum Phase: UInt8, BitwiseCopyable {
        case sizeStart, size, extensions, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailer, trailerLineFeed, lastLineFeed
    }

    public enum Outcome: Sendable, Equatable, BitwiseCopyable { case incomplete, complete, invalid }

    /// Bytes of extensions (of one chunk) and of trailers that are put up with.
    private static var overheadLimit: UInt16 { 4096 }

    private var phase = Phase.sizeStart
    private var overhead: UInt16 = 0
    private var remaining: UInt64 = 0
    /// Content decoded so far.
    public private(set) var byteCount: UInt64 = 0

    public init() {}

    /// Takes bytes from `position` on and moves it behind the last one that belongs to the body.
    public mutating func decode(_ bytes: RawSpan, at position: inout Int) -> Outcome {
        while position < bytes.byteCount {
            if phase == .data {
                let taken = min(remaining, UInt64(bytes.byteCount &- position))
                remaining &-= taken
                byteCount &+= taken
                position &+= Int(taken)
                if remaining == 0 { phase = .dataReturn }
                continue
            }
            let byte = bytes.octet(unchecked: position)
            position &+= 1
            let outcome = take(byte)
            if outcome != .incomplete { return outcome }
        }
        return .incomplete
    }

    private mutating func take(_ byte: UInt8) -> Outcome {
        switch phase {
        case .sizeStart, .size: return takeSize(byte)
        case .extensions:
            overhead &+= 1
            if byte == ASCII.carriageReturn {
                phase = .sizeLineFeed
                return .incomplete
            }
            return isText(byte) && overhead <= Self.overheadLimit ? .incomplete : .invalid
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { return .invalid }
            phase = remaining == 0 ? .trailerStart : .data
            if remaining == 0 { overhead = 0 }
        case .data: return .invalid
        case .dataReturn:
            guard byte == ASCII.carriageReturn else { return .invalid }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { return .invalid }
            phase = .sizeStart
        case .trailerStart, .trailer: return takeTrailer(byte)
        case .trailerLineFeed:
            guard byte == ASCII.lineFeed else { return .invalid }
            phase = .trailerStart
        case .lastLineFeed:
            return byte == ASCII.lineFeed ? .complete : .invalid
        }
        return .incomplete
    }

    private mutating func takeSize(_ byte: UInt8) -> Outcome {
        if let digit = hexadecimalValue(byte) {
            if phase == .sizeStart {
                remaining = 0
                overhead = 0
            }
            // Larger sizes than 2^60 are an attack on someone's arithmetic.
            guard remaining >> 56 == 0 else { return .invalid }
            remaining = remaining << 4 | UInt64(digit)
            phase = .size
            return .incomplete
        }
        guard phase == .size else { return .invalid }
        switch byte {
        case ASCII.carriageReturn: phase = .sizeLineFeed
        case ASCII.semicolon: phase = .extensions
        default: return .invalid
        }
        return .incomplete
    }

    private mutating func takeTrailer(_ byte: UInt8) -> Outcome {
        overhead &+= 1
        if byte == ASCII.carriageReturn {
            phase = phase == .trailerStart ? .lastLineFeed : .trailerLineFeed
            return .incomplete
        }
        phase = .trailer
        return isText(byte) && overhead <= Self.overheadLimit ? .incomplete : .invalid
    }

    private func isText(_ byte: UInt8) -> Bool { byte >= ASCII.space && byte != ASCII.delete || byte == ASCII.tab }
}
