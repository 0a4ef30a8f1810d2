/// What is wrong with a line of a configuration.
public struct WebServerConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    public let line: Int
    public let key: String
    /// What was expected.
    public let expected: String

    public var description: String { "line \(line): \(key): expected \(expected)" }
}

extension WebServerConfiguration {
    /// Reads lines of `key=value`. Empty lines and lines that start with "#" are skipped; a key may be given once.
    public init(parsing text: String) throws(WebServerConfigurationError) {
        self.init()
        var seen: Set<String> = []
        var number = 0
        // Bytes, because "\r\n" is one Character.
        for bytes in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            let line = Self.trimmed(Substring(bytes))
            if line.isEmpty || line.first == "#" { continue }
            guard let equals = line.firstIndex(of: "=") else {
                throw WebServerConfigurationError(line: number, key: String(line), expected: "key=value")
            }
            let key = String(Self.trimmed(line[..<equals]))
            let value = Self.trimmed(line[line.index(after: equals)...])
            guard seen.insert(key).inserted else {
                throw WebServerConfigurationError(line: number, key: key, expected: "to be given once")
            }
            if let expected = set(key, value) {
                throw WebServerConfigurationError(line: number, key: key, expected: expected)
            }
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }

    /// Sets one key; returns what was expected instead if that is not possible.
    private mutating func set(_ key: String, _ value: Substring) -> String? {
        switch key {
        case "index": return setIndex(value)
        case "header_timeout_ms": return Self.set(&headerTimeoutMilliseconds, value, 1...3_600_000)
        case "idle_timeout_ms": return Self.set(&idleTimeoutMilliseconds, value, 1...3_600_000)
        case "body_timeout_ms": return Self.set(&bodyTimeoutMilliseconds, value, 1...3_600_000)
        case "max_body_bytes": return Self.set(&maximumBodyByteCount, value, 0...(1 << 40))
        case "max_header_bytes": return Self.set(&maximumHeaderByteCount, value, 256...49_152)
        case "max_headers": return Self.set(&maximumHeaderCount, value, 1...1_000)
        case "max_line_bytes": return Self.set(&maximumLineByteCount, value, 64...16_000)
        case "keepalive_requests": return Self.set(&keepAliveRequests, value, 0...UInt32.max)
        case "dotfiles": return Self.set(&servesDotFiles, value)
        case "cache_entries": return Self.set(&cacheEntries, value, 1...65_536)
        case "cache_validity_ms": return Self.set(&cacheValidityMilliseconds, value, 0...3_600_000)
        case "small_file_bytes": return Self.set(&smallFileByteCount, value, 0...32_768)
        case "access_log": return Self.set(&writesAccessLog, value)
        case "connections": return Self.set(&connections, value, 1...1_048_576)
        default: return "a key of the web server"
        }
    }

    private static func set<Number: FixedWidthInteger>(
        _ target: inout Number, _ value: Substring, _ range: ClosedRange<Number>
    ) -> String? {
        guard let number = Number(value), range.contains(number) else {
            return "a number from \(range.lowerBound) to \(range.upperBound)"
        }
        target = number
        return nil
    }

    private static func set(_ target: inout Bool, _ value: Substring) -> String? {
        guard value == "on" || value == "off" else { return "on or off" }
        target = value == "on"
        return nil
    }

    private mutating func setIndex(_ value: Substring) -> String? {
        let bytes = value.utf8
        guard !bytes.isEmpty, bytes.count <= IndexName.limit, !bytes.contains(0x2F), !bytes.contains(0),
            value != ".", value != ".."
        else { return "a file name of 1 to \(IndexName.limit) bytes without a slash" }
        index = String(value)
        return nil
    }
}
