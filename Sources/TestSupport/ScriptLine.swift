/// One line of a `TCPScript`.
///
///     0.010 < P. 1:101 ack 1 win 512 <sack 3:5>     a segment to the stack
///     0.010 > . 1:1 ack 101 <sack 201:301>          a segment the stack must send, at that time
///     0.010 ! send 1000; finish                     calls of the application
///     0.010 ? state established                     what must be true
///
/// Times are seconds since the start; `+` makes one relative to the line before. Sequence numbers count from each end's
/// initial one. What an expected segment does not name (window, options) is not compared.
struct ScriptLine {
    enum Body {
        case arrives(ScriptSegment)
        case expects(ScriptSegment)
        case call([String])
        case check([String])
    }

    let number: Int
    let text: String
    /// Nanoseconds since the start.
    let time: UInt64
    let body: Body

    static func parse(_ script: String) -> [ScriptLine] {
        var lines: [ScriptLine] = []
        var time: UInt64 = 0
        for (number, line) in script.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix(while: { $0 != "#" }).replacing(";", with: " ; ").split(separator: " ").map(
                String.init)
            guard words.count >= 2 else { continue }
            guard let value = nanoseconds(words[0]) else { fatalError("line \(number + 1): no time in '\(line)'") }
            time = words[0].hasPrefix("+") ? time + value : value
            let rest = Array(words[2...])
            let body: Body
            switch words[1] {
            case "<": body = .arrives(ScriptSegment(rest))
            case ">": body = .expects(ScriptSegment(rest))
            case "!": body = .call(rest)
            case "?": body = .check(rest)
            default: fatalError("line \(number + 1): '\(words[1])' is none of < > ! ?")
            }
            lines.append(ScriptLine(number: number + 1, text: String(line), time: time, body: body))
        }
        return lines
    }

    private static func nanoseconds(_ word: String) -> UInt64? {
        let parts = word.drop(while: { $0 == "+" }).split(separator: ".")
        guard let seconds = parts.first.flatMap({ UInt64($0) }) else { return nil }
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        let padded = fraction + String(repeating: "0", count: max(0, 9 - fraction.count))
        return UInt64(padded).map { seconds * 1_000_000_000 + $0 }
    }
}

/// A segment as a script writes it.
struct ScriptSegment {
    var control: UInt8 = 0
    /// Relative to the sender's initial sequence number.
    var start: UInt32 = 0
    var byteCount: Int = 0
    var acknowledgment: UInt32?
    var window: UInt16?
    /// The ECN field of the IP header: `ecn 2` can tell about congestion, `ecn 3` does.
    var ecn: UInt8?
    /// The urgent pointer (`urg N`), the Diffserv code point (`dscp N`) and the hop limit (`ttl N`).
    var urgentPointer: UInt16?
    var codePoint: UInt8?
    var hopLimit: UInt8?
    /// By name: `mss`, `wscale`, `sackOK`, `ts`, `tsecr`, `sack`, and `raw` for bytes in hexadecimal; `noSack` says
    /// that there must be no such option, likewise for the others.
    var options: [String: [String]] = [:]

    private static let letters: [(Character, UInt8)] = [
        ("F", 1), ("S", 2), ("R", 4), ("P", 8), (".", 16), ("U", 32), ("E", 64), ("W", 128),
    ]

    init(_ words: [String]) {
        let text = words.joined(separator: " ")
        let parts = text.split(separator: "<", maxSplits: 1)
        let fields = (parts.first ?? "").split(separator: " ").map(String.init)
        for character in fields[0] {
            guard let bit = Self.letters.first(where: { $0.0 == character })?.1 else {
                fatalError("flags in '\(text)'")
            }
            control |= bit
        }
        if fields.count > 1, fields[1].contains(":") {
            let range = fields[1].split(separator: ":").map { UInt32($0)! }
            start = range[0]
            byteCount = Int(range[1] &- range[0])
        }
        for (position, field) in fields.enumerated() where position + 1 < fields.count {
            if field == "ack" { acknowledgment = UInt32(fields[position + 1]) }
            if field == "ecn" { ecn = UInt8(fields[position + 1]) }
            if field == "urg" { urgentPointer = UInt16(fields[position + 1]) }
            if field == "dscp" { codePoint = UInt8(fields[position + 1]) }
            if field == "ttl" { hopLimit = UInt8(fields[position + 1]) }
            if field == "win" { window = UInt16(fields[position + 1]) }
        }
        guard parts.count > 1 else { return }
        for option in parts[1].dropLast().split(separator: ",") {
            let words = option.split(separator: " ").map(String.init)
            options[words[0]] = Array(words.dropFirst())
        }
    }

    /// The segment a frame holds, with sequence numbers made relative.
    init(_ template: SegmentTemplate, sequenceBase: UInt32, acknowledgmentBase: UInt32) {
        control = template.control
        start = template.sequence &- sequenceBase
        byteCount = template.payload.count
        if control & SegmentTemplate.ack != 0 { acknowledgment = template.acknowledgment &- acknowledgmentBase }
        window = template.window
        ecn = template.trafficClass & 3
        codePoint = template.trafficClass >> 2
        hopLimit = template.hopLimit
        urgentPointer = template.urgentPointer
        for (kind, content) in template.optionList {
            switch kind {
            case 2: options["mss"] = ["\(SegmentTemplate.number(content))"]
            case 3 where content.count == 1: options["wscale"] = ["\(content[0])"]
            case 4: options["sackOK"] = []
            case 5 where content.count % 8 == 0:
                options["sack"] = stride(from: 0, to: content.count, by: 8).map {
                    let start = SegmentTemplate.number(content[$0..<$0 + 4]) &- acknowledgmentBase
                    let end = SegmentTemplate.number(content[$0 + 4..<$0 + 8]) &- acknowledgmentBase
                    return "\(start):\(end)"
                }
            case 8 where content.count == 8:
                options["ts"] = []
                options["tsecr"] = ["\(SegmentTemplate.number(content.suffix(4)))"]
            default: options["kind\(kind)"] = []
            }
        }
    }

    /// What is wrong with `actual`, measured by this expectation.
    func difference(to actual: ScriptSegment) -> String? {
        // PSH says nothing that must be checked in every line; it is compared when the script writes it.
        let mask: UInt8 = control & SegmentTemplate.psh != 0 ? 0xFF : ~SegmentTemplate.psh
        if control != actual.control & mask { return "flags" }
        if start != actual.start { return "sequence number" }
        if byteCount != actual.byteCount { return "length" }
        if acknowledgment != nil && acknowledgment != actual.acknowledgment { return "ack" }
        if window != nil && window != actual.window { return "window" }
        if ecn != nil && ecn != actual.ecn { return "ECN field" }
        if urgentPointer != nil && urgentPointer != actual.urgentPointer { return "urgent pointer" }
        if codePoint != nil && codePoint != actual.codePoint { return "code point" }
        if hopLimit != nil && hopLimit != actual.hopLimit { return "hop limit" }
        for (name, values) in options {
            if name.hasPrefix("no") {
                let absent = name.dropFirst(2).lowercased()
                if actual.options.keys.contains(where: { $0.lowercased() == absent }) { return "\(absent) option" }
            } else if actual.options[name] != values {
                return name
            }
        }
        return nil
    }

    var description: String {
        let flags = String(Self.letters.filter { control & $0.1 != 0 }.map(\.0))
        var text = "\(flags) \(start):\(start &+ UInt32(byteCount))"
        if let acknowledgment { text += " ack \(acknowledgment)" }
        if let window { text += " win \(window)" }
        if let ecn, ecn != 0 { text += " ecn \(ecn)" }
        if let codePoint, codePoint != 0 { text += " dscp \(codePoint)" }
        if let urgentPointer, urgentPointer != 0 { text += " urg \(urgentPointer)" }
        let list = options.sorted { $0.key < $1.key }.map { ([$0.key] + $0.value).joined(separator: " ") }
        return list.isEmpty ? text : text + " <\(list.joined(separator: ","))>"
    }
}
