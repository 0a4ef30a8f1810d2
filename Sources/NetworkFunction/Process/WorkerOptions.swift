import Handover
import PacketHeaders
public import TCPStack
import Glibc

/// The options of a service that the worker loop itself uses; the others are the service's own.
public struct WorkerOptions: Sendable {
    /// `listen=ADDRESS:PORT`, one line an endpoint.
    public var endpoints: [Endpoint] = []
    /// `connections=N`: the most at once.
    public var connectionCapacity = WorkerDefaults.connections
    /// `spin_us=N`: how long to look for work before sleeping, at most, in microseconds; see `IdleSpin`.
    public var spinMicroseconds: UInt64 = 100
    /// `receive_pool_kib=N`: memory for data that arrived and was not read yet, for all connections together.
    public var receivePoolByteCount = WorkerDefaults.receivePoolKiB << 10

    /// Splits configuration lines into these options and the rest.
    public static func parse(_ lines: String) throws(NFStartError) -> (WorkerOptions, rest: String) {
        var options = WorkerOptions()
        var rest = ""
        for line in lines.split(separator: "\n") {
            guard let separator = line.firstIndex(of: "=") else {
                throw NFStartError("option '\(line)' is not of the form key=value")
            }
            let (key, value) = (line[..<separator], line[line.index(after: separator)...])
            switch key {
            case "listen": options.endpoints.append(try endpoint(value))
            case "connections": options.connectionCapacity = Int(try number(key, value, in: 1...1_000_000))
            case "spin_us": options.spinMicroseconds = try number(key, value, in: 0...1_000_000)
            case "receive_pool_kib":
                options.receivePoolByteCount = Int(try number(key, value, in: 64...4_194_304)) * 1024
            default: rest += line + "\n"
            }
        }
        guard !options.endpoints.isEmpty else { throw NFStartError("no listen= line: the service has no address") }
        return (options, rest)
    }

    private static func number(
        _ key: Substring, _ value: Substring, in range: ClosedRange<UInt64>
    ) throws(NFStartError) -> UInt64 {
        guard let number = UInt64(value), range.contains(number) else {
            throw NFStartError(
                "option \(key)=\(value): expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `10.0.0.1:80`, `[fd77::1]:80`, or `*:80` for every address.
    private static func endpoint(_ text: Substring) throws(NFStartError) -> Endpoint {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw NFStartError("listen=\(text): expected ADDRESS:PORT")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        if host == "*" { return Endpoint(address: .any, port: port) }
        guard let address = Address(presentation: String(host)) else {
            throw NFStartError("listen=\(text): '\(host)' is not an IPv4 or IPv6 address")
        }
        return Endpoint(address: address, port: port)
    }
}

extension Address {
    /// Reads the text form of an address (inet_pton(3)).
    init?(presentation text: String) {
        var ipv4: UInt32 = 0
        if unsafe inet_pton(AF_INET, text, &ipv4) == 1 {
            self.init(ipv4: ipv4)
            return
        }
        var ipv6: (UInt64, UInt64) = (0, 0)
        guard unsafe inet_pton(AF_INET6, text, &ipv6) == 1 else { return nil }
        self.init(high: ipv6.0, low: ipv6.1)
    }
}
