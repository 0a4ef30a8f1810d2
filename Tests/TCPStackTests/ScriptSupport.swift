import TCPStack
import TestSupport
import Testing

/// A named script, and the configuration it needs.
struct Script: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    let change: @Sendable (inout Configuration) -> Void

    init(_ name: String, change: @escaping @Sendable (inout Configuration) -> Void = { _ in }, _ text: String) {
        self.name = name
        self.text = text
        self.change = change
    }

    var testDescription: String { name }

    /// Runs over IPv4 and IPv6, and with sequence numbers that wrap and that do not. The MSS differs between the
    /// families, so scripts are about segments of at most 1,000 bytes or set their own MSS.
    func expectPass(sourceLocation: SourceLocation = #_sourceLocation) {
        for (isIPv6, peerStart) in [(false, UInt32.max - 300), (true, UInt32.max - 300), (false, 7)] {
            let failures = TCPScript(isIPv6: isIPv6, peerStart: peerStart, change: change).run(text)
            for failure in failures {
                Issue.record("\(name), IPv\(isIPv6 ? 6 : 4): \(failure)", sourceLocation: sourceLocation)
            }
            if !failures.isEmpty { return }
        }
    }
}
