import PacketHeaders
public import TCPStack

/// Runs a script of segments, application calls and expectations against a stack, under virtual time.
///
/// Calls: `connect` (a whole handshake; see `connect`), `open` (active), `send N`, `urgent` (all promised so far),
/// `finish`, `close`, `abort`, `nagle on`, `keepalive on`, `usertimeout SECONDS`, `codepoint N`, `read N` (of the
/// unread bytes), `hold` and `take` (whether arriving bytes are used at once), `timer SECONDS`; and ICMP errors about our
/// segment at SEQ: `toobig SIZE SEQ`, `refused SEQ`, `unreachable SEQ`, `icmp TYPE CODE SEQ`.
/// `gate MSS SHIFT PEER`: the platform's SYN gate answered the peer's SYN now (its MSS, our window shift, its own);
/// `gate stale`: the gate's facts lie beside another segment.
/// Checks: `state NAME`, `sendwindow N`, `srtt MS`, `rto MS`, `cwnd N`, `ssthresh N`, `unread N`, `urgent N` (bytes not
/// read), `acked N`, `flight N`,
/// `received N`, `event NAME...` (all since the last such line), `count NAME N`, `drop NAME N`, `connections N`,
/// `timers NAME...`, `clock MS` (of the last timestamp sent, by the clock of the gate), `history NAME...` (the connection's event ring).
public final class TCPScript {
    public private(set) var failures: [String] = []
    public private(set) var trace: [String] = []

    private var stack: Stack
    private let start: UInt64 = 50_000_000_000
    private var now: UInt64
    private var connection: ConnectionID?
    private var sent: [(time: UInt64, frame: [UInt8])] = []
    private var events: [String] = []
    private var takesBytes = true
    private var frame: [UInt8]

    private let client: Endpoint
    private let server: Endpoint
    private let clientStart: UInt32
    private var serverStart: UInt32?
    /// What the script's peer learned in the handshake.
    private var usesTimestamps = false
    private var lastTimestamp: UInt32 = 0
    private var clockOffset: UInt32?
    /// Facts of a SYN gate, in front of every segment that returns its cookie.
    private var gate: (segmentSize: UInt16, shift: UInt8)?
    private var gateIsStale = false
    private static let gateOffset: UInt32 = 0xFEDC_BA98

    /// What `connect` on a script's first line measures.
    private static let roundTrip: UInt64 = 20_000_000
    /// Timers look every 262 µs; a segment may be that late.
    private static let tolerance: UInt64 = 1_000_000

    public init(
        isIPv6: Bool = false, peerStart: UInt32 = 4_294_967_000, change: (inout Configuration) -> Void = { _ in }
    ) {
        var configuration = Configuration(secret: (11, 12))
        configuration.connectionCapacity = 16
        configuration.transmissionCapacity = 256
        configuration.maximumReceiveWindow = 65_535
        configuration.receivePoolByteCount = 1 << 20
        configuration.keepaliveIdle = nil
        change(&configuration)
        stack = Stack(configuration)
        now = start - Self.roundTrip
        clientStart = peerStart
        client = Endpoint(address: Simulation.address(2, isIPv6: isIPv6), port: 40_000)
        server = Endpoint(address: Simulation.address(1, isIPv6: isIPv6), port: 80)
        frame = [UInt8](repeating: 0, count: configuration.mtu + 18)
        let isListening = stack.listen(on: server)
        precondition(isListening)
    }

    /// Runs the script; what did not come out as written is in `failures`.
    @discardableResult
    public func run(_ script: String) -> [String] {
        for line in ScriptLine.parse(script) {
            run(line)
            if !failures.isEmpty { break }
        }
        if failures.isEmpty, let extra = sent.first { fail("the end", "unexpected \(describe(extra.frame))") }
        return failures
    }

    private func run(_ line: ScriptLine) {
        let time = start + line.time
        if case .call(let words) = line.body, words[0] == "connect" { return connect(Array(words.dropFirst()), line) }
        if case .expects(let expected) = line.body { return expect(expected, time, line) }
        advance(to: time)
        if let extra = sent.first {
            return fail(line.text, "before this line, unexpected at \(seconds(extra.time)): \(describe(extra.frame))")
        }
        switch line.body {
        case .arrives(let segment): arrive(template(segment).frame)
        case .call(let words):
            for words in words.split(separator: ";") { call(Array(words), line) }
        case .check(let words): check(words, line)
        case .expects: break
        }
        transmit()
    }

    private func expect(_ expected: ScriptSegment, _ time: UInt64, _ line: ScriptLine) {
        advance(to: time + Self.tolerance, untilSent: true)
        guard !sent.isEmpty else { return fail(line.text, "nothing was sent") }
        let (sentAt, frame) = sent.removeFirst()
        guard let template = SegmentTemplate(frame) else { return fail(line.text, "a broken frame was sent") }
        let actual = relative(template)
        if let difference = expected.difference(to: actual) {
            return fail(line.text, "\(difference) differs: \(actual.description) at \(seconds(sentAt))")
        }
        if sentAt < time || sentAt > time + Self.tolerance { fail(line.text, "sent at \(seconds(sentAt))") }
    }

    private func fail(_ line: String, _ reason: String) {
        failures.append("\(line) — \(reason)\n" + trace.joined(separator: "\n"))
    }

    private func seconds(_ time: UInt64) -> String {
        let micro = (time - min(start, time)) / 1_000
        let fraction = "\(micro % 1_000_000)"
        return "\(micro / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }

    private func describe(_ frame: [UInt8]) -> String {
        SegmentTemplate(frame).map { relative($0).description } ?? "a broken frame"
    }

    private func relative(_ template: SegmentTemplate) -> ScriptSegment {
        ScriptSegment(template, sequenceBase: serverStart ?? template.sequence, acknowledgmentBase: clientStart)
    }

    // Time.

    private func advance(to time: UInt64, untilSent: Bool = false) {
        while true {
            if untilSent && !sent.isEmpty { return }
            let deadline = stack.nextDeadline?.nanoseconds ?? .max
            let next = max(now, min(deadline, time))
            now = next
            while let event = stack.nextEvent(at: Instant(nanoseconds: now)) { note(event.events, event.reason) }
            transmit()
            if next >= time || deadline > time { break }
        }
        if !untilSent || sent.isEmpty { now = max(now, time) }
    }

    private func transmit() {
        while true {
            var span = frame.mutableSpan
            // Safe: any byte is a value of UInt8.
            var bytes = unsafe span.mutableBytes
            guard let segment = stack.nextSegment(into: &bytes, at: Instant(nanoseconds: now)) else { return }
            stack.seal(segment, &bytes)
            let copy = Array(frame[..<segment.byteCount])
            learn(copy)
            trace.append("\(seconds(now)) > \(describe(copy))")
            sent.append((now, copy))
        }
    }

    /// Takes the initial sequence number and the timestamp from what the stack sends.
    private func learn(_ frame: [UInt8]) {
        guard let template = SegmentTemplate(frame) else { return }
        if template.control & SegmentTemplate.syn != 0 { serverStart = template.sequence }
        for (kind, content) in template.optionList where kind == 8 {
            lastTimestamp = SegmentTemplate.number(content.prefix(4))
            clockOffset = lastTimestamp &- UInt32(truncatingIfNeeded: now / 1_000_000)
        }
    }

    // Segments from the peer.

    private func template(_ segment: ScriptSegment) -> SegmentTemplate {
        var template = SegmentTemplate(from: client, to: server)
        template.control = segment.control
        template.sequence = clientStart &+ segment.start
        template.acknowledgment = segment.acknowledgment.map { (serverStart ?? 0) &+ $0 } ?? 0
        template.window = segment.window ?? 65_535
        template.trafficClass = (segment.codePoint ?? 0) << 2 | (segment.ecn ?? 0)
        template.urgentPointer = segment.urgentPointer ?? 0
        template.payload = (0..<segment.byteCount).map { UInt8(truncatingIfNeeded: Int(segment.start) + $0) }
        template.options = options(segment)
        return template
    }

    private func options(_ segment: ScriptSegment) -> [UInt8] {
        var bytes: [UInt8] = []
        if let raw = segment.options["raw"]?.first {
            bytes += stride(from: 0, to: raw.count, by: 2).map { UInt8(raw.dropFirst($0).prefix(2), radix: 16)! }
        }
        if let value = segment.options["mss"]?.first { bytes += [2, 4] + SegmentTemplate.big(UInt64(value)!, 2) }
        if segment.options["sackOK"] != nil { bytes += [4, 2] }
        if let value = segment.options["wscale"]?.first { bytes += [3, 3, UInt8(value)!] }
        if segment.control & SegmentTemplate.syn != 0 { usesTimestamps = segment.options["ts"] != nil }
        if (usesTimestamps || segment.options["ts"] != nil) && segment.options["nots"] == nil {
            bytes += [8, 10] + timestamps(segment.options["ts"] ?? [])
        }
        if let blocks = segment.options["sack"] {
            bytes += [5, UInt8(2 + blocks.count * 8)]
            for block in blocks {
                for edge in block.split(separator: ":") {
                    bytes += SegmentTemplate.big(UInt64((serverStart ?? 0) &+ UInt32(edge)!), 4)
                }
            }
        }
        return bytes
    }

    /// `ts` alone is the peer's clock and the latest echo; `ts VALUE` sets the value, `ts VALUE @SECONDS` echoes what
    /// the stack's clock was then.
    private func timestamps(_ words: [String]) -> [UInt8] {
        let clock = UInt32(truncatingIfNeeded: now / 1_000_000)
        let value = words.first.flatMap { UInt32($0) } ?? clock
        var echo = lastTimestamp
        if words.count > 1, words[1].hasPrefix("@"), let milliseconds = Double(words[1].dropFirst()).map({ $0 * 1_000 })
        {
            echo = UInt32(truncatingIfNeeded: start / 1_000_000 + UInt64(milliseconds)) &+ (clockOffset ?? 0)
        }
        return SegmentTemplate.big(UInt64(value), 4) + SegmentTemplate.big(UInt64(echo), 4)
    }

    private func arrive(_ bytes: [UInt8]) {
        trace.append("\(seconds(now)) < \(SegmentTemplate(bytes).map(peerRelative) ?? "a frame")")
        let facts = facts(beside: bytes)
        // Safe: bytes have no padding.
        let frame = unsafe bytes.span.bytes
        let arrival = stack.receive(frame, facts: unsafe facts.span.bytes, at: Instant(nanoseconds: now))
        if let id = arrival.connection, arrival.events.contains(.established) { connection = id }
        note(arrival.events, arrival.reason)
        guard !arrival.payload.isEmpty else { return }
        note(stack.deliver(arrival, consumed: takesBytes ? arrival.payload.count : 0, frame: frame), .finished)
    }

    /// `struct onvm_gate_facts`.
    private func facts(beside bytes: [UInt8]) -> [UInt8] {
        guard let gate, let segment = SegmentTemplate(bytes) else { return [] }
        let cookie = gateIsStale ? segment.acknowledgment &- 1 : segment.acknowledgment
        guard segment.sequence == clientStart &+ 1, segment.acknowledgment == (serverStart ?? 0) &+ 1 else { return [] }
        let words = [
            0x4F4E_5646, segment.sequence, cookie, Self.gateOffset, UInt32(gate.segmentSize) | UInt32(gate.shift) << 16,
        ]
        return words.flatMap { word in unsafe withUnsafeBytes(of: word) { unsafe Array($0) } }
    }

    /// As if a gate had answered the peer's SYN, which gave MSS, SACK, timestamps and a window shift.
    private func answerByGate(_ words: [String]) {
        serverStart = 777_777
        gate = (UInt16(words[1])!, UInt8(words[2])!)
        usesTimestamps = true
        let clock = UInt32(truncatingIfNeeded: now / 1_000_000) &+ Self.gateOffset
        let value = clock & ~31 | 16 | UInt32(words[3])!
        lastTimestamp = Int32(bitPattern: value &- clock) > 0 ? value &- 32 : value
    }

    private func peerRelative(_ template: SegmentTemplate) -> String {
        ScriptSegment(template, sequenceBase: clientStart, acknowledgmentBase: serverStart ?? 0).description
    }

    private func note(_ happened: ConnectionEvents, _ reason: CloseReason?) {
        let names: [(ConnectionEvents, String)] = [
            (.established, "established"), (.readable, "readable"), (.acknowledged, "acknowledged"),
            (.peerFinished, "peerFinished"), (.timer, "timer"), (.urgent, "urgent"), (.stalled, "stalled"),
        ]
        for (event, name) in names where happened.contains(event) { events.append(name) }
        if happened.contains(.closed) { events.append("closed(\(reason.map { "\($0)" } ?? "?"))") }
    }

    // Calls and checks.

    private func call(_ words: [String], _ line: ScriptLine) {
        let number = words.count > 1 ? Int(words[1]) : nil
        switch words[0] {
        case "open": open()
        case "gate" where words[1] == "stale": gateIsStale = true
        case "gate": answerByGate(words)
        case "hold": takesBytes = false
        case "take": takesBytes = true
        case "toobig":
            // The MTU that leaves room for segments of this size.
            let mtu = UInt32(words[1])! + (server.address.isIPv4 ? 40 : 60)
            arrive(icmpError(server.address.isIPv4 ? (3, 4) : (2, 0), word: mtu, sequence: UInt32(words[2])!))
        case "refused": arrive(icmpError(server.address.isIPv4 ? (3, 3) : (1, 4), word: 0, sequence: UInt32(words[1])!))
        case "icmp": arrive(icmpError((UInt8(words[1])!, UInt8(words[2])!), word: 0, sequence: UInt32(words[3])!))
        case "unreachable":
            arrive(icmpError(server.address.isIPv4 ? (3, 1) : (1, 0), word: 0, sequence: UInt32(words[1])!))
        default:
            guard let connection else { return fail(line.text, "there is no connection") }
            switch words[0] {
            case "send": stack.send(connection, byteCount: number!)
            case "finish": stack.finish(connection)
            case "close": stack.close(connection)
            case "urgent": stack.markUrgent(connection)
            case "usertimeout": stack.setUserTimeout(connection, .seconds(number!))
            case "keepalive": stack.setKeepalive(connection, words[1] == "on")
            case "codepoint": stack.setCodePoint(connection, UInt8(number!))
            case "nagle": stack.setNagle(connection, words[1] == "on")
            case "abort": stack.abort(connection)
            case "read": stack.consume(connection, number ?? stack.unreadByteCount(connection))
            case "timer":
                let delay = UInt64(Double(words[1])! * 1e9)
                stack.setTimer(connection, at: Instant(nanoseconds: now + delay))
            default: fail(line.text, "no such call")
            }
        }
    }

    /// An error about the segment of ours that started at `sequence`.
    private func icmpError(_ kind: (type: UInt8, code: UInt8), word: UInt32, sequence: UInt32) -> [UInt8] {
        var quoted = SegmentTemplate(from: server, to: client)
        quoted.sequence = (serverStart ?? 0) &+ sequence
        return quoted.icmpError(type: kind.type, code: kind.code, word: word)
    }

    /// A handshake that ends at the line's time: `connect [mss N] [nosack] [nots] [noscale] [win N]`.
    private func connect(_ words: [String], _ line: ScriptLine) {
        func value(_ name: String) -> String? {
            words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        var options = ["mss \(value("mss") ?? "1460")"]
        if !words.contains("nosack") { options.append("sackOK") }
        if !words.contains("nots") { options.append("ts") }
        if !words.contains("noscale") { options.append("wscale \(value("wscale") ?? "0")") }
        arrive(
            template(
                ScriptSegment(["S", "0:0", "win", value("win") ?? "65535", "<" + options.joined(separator: ",") + ">"])
            ).frame)
        transmit()
        guard sent.count == 1 else { return fail(line.text, "no SYN,ACK") }
        sent.removeAll()
        advance(to: start + line.time)
        arrive(template(ScriptSegment([".", "1:1", "ack", "1", "win", value("win") ?? "65535"])).frame)
        if connection == nil { fail(line.text, "not established") }
        events.removeAll()
    }

    private func open() {
        connection = stack.connect(
            to: client, from: server, by: LinkPath(destination: Simulation.clientMAC, source: Simulation.serverMAC),
            at: Instant(nanoseconds: now))
    }

    private func names(of timers: ArmedTimers) -> String {
        let names: [(ArmedTimers, String)] = [
            (.retransmission, "retransmission"), (.tailLossProbe, "tailLossProbe"), (.persist, "persist"),
            (.handshake, "handshake"), (.reordering, "reordering"), (.delayedAcknowledgment, "delayedAcknowledgment"),
            (.keepalive, "keepalive"), (.state, "state"), (.application, "application"),
        ]
        let armed = names.filter { timers.contains($0.0) }.map(\.1)
        return armed.isEmpty ? "none" : armed.joined(separator: " ")
    }

    /// The kinds of what is in the connection's event ring, with the argument where it stands for something.
    private func history() -> String {
        guard let connection, let history = stack.history(of: connection) else { return "none" }
        return (0..<history.count).map { position in
            let entry = history[position]
            switch entry.kind {
            case .resetSent, .closed, .challengeAcknowledgment: return "\(entry.kind)(\(entry.meaning))"
            default: return "\(entry.kind)"
            }
        }.joined(separator: " ")
    }

    private func check(_ words: [String], _ line: ScriptLine) {
        let actual: String
        let expected = words.dropFirst().joined(separator: " ")
        let information = connection.flatMap { stack.info($0) }
        switch words[0] {
        case "state": actual = information.map { "\($0.state)" } ?? "closed"
        case "cwnd": actual = information.map { "\($0.congestionWindow)" } ?? "none"
        case "ssthresh": actual = information.map { "\($0.slowStartThreshold)" } ?? "none"
        case "unread": actual = information.map { "\($0.bytesUnread)" } ?? "none"
        case "acked": actual = information.map { "\($0.bytesAcknowledged)" } ?? "none"
        case "flight": actual = information.map { "\($0.bytesInFlight)" } ?? "none"
        case "received": actual = information.map { "\($0.bytesReceived)" } ?? "none"
        case "connections": actual = "\(stack.connectionCount)"
        case "sendwindow": actual = information.map { "\($0.sendWindow)" } ?? "none"
        case "srtt": actual = information.map { "\(($0.smoothedRoundTrip + 500_000) / 1_000_000)" } ?? "none"
        case "rto": actual = information.map { "\(($0.retransmissionTimeout + 500_000) / 1_000_000)" } ?? "none"
        case "urgent": actual = connection.map { "\(stack.urgentByteCount($0))" } ?? "none"
        case "timers": actual = information.map { names(of: $0.timers) } ?? "none"
        case "history": actual = history()
        case "clock":
            let elapsed = lastTimestamp &- Self.gateOffset &- UInt32(truncatingIfNeeded: start / 1_000_000)
            actual = "\(Int32(bitPattern: elapsed))"
        case "event":
            actual = events.joined(separator: " ")
            events.removeAll()
        case "count":
            let counter = Counter.allCases.first { "\($0)" == words[1] }
            actual = counter.map { "\(words[1]) \(stack.counters[$0])" } ?? "no such counter"
        case "drop":
            let cause = DropCause.allCases.first { "\($0)" == words[1] }
            actual = cause.map { "\(words[1]) \(stack.counters[$0])" } ?? "no such cause"
        default: return fail(line.text, "no such check")
        }
        if actual != expected { fail(line.text, "is \(actual)") }
    }
}
