import Foundation
public import Logging

/// One line an event on standard error: time, level, text, then what it is about as key=value.
public struct LineLog: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]

    public init(level: Logger.Level) { logLevel = level }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        write(event.level, "\(event.message)\(pairs)")
    }

    private func write(_ level: Logger.Level, _ text: String) {
        let now = WallTime.now.seconds
        var seconds = time_t(now)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { Self.padded(Int($0), to: 2) }.joined(
            separator: ":")
        let fraction = Self.padded(Int((now - now.rounded(.down)) * 1_000), to: 3)
        // A message may quote what a client or a file said: nothing in it may end the line.
        let oneLine = String(text.map { $0.isNewline ? " " : $0 })
        FileHandle.standardError.write(Data("\(clock).\(fraction) \(level.rawValue) \(oneLine)\n".utf8))
    }

    private static func padded(_ number: Int, to count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}
