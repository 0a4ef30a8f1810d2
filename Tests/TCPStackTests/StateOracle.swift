import TCPStack

/// What RFC 9293 §3.10.7, with RFC 5961, 7323, 1337 and 6191, says about one segment in one state: a statement of the
/// rules that shares nothing with the implementation.
struct StateOracle {
    /// Where a segment begins.
    enum Position: CaseIterable { case leftOfWindow, leftEdge, inside, rightEdge, outside }
    /// What a segment acknowledges: nothing new, everything sent, more than was sent.
    enum Acknowledges: CaseIterable { case nothingNew, everything, unsent }
    enum Place: String, CaseIterable {
        case listen, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait,
            closed
    }
    enum Answer: Equatable {
        case nothing
        case acknowledgment
        /// Begins at the segment's acknowledgment number.
        case reset
        /// Acknowledges the segment.
        case resetAcknowledgment
        case synchronizeAcknowledgment
    }
    struct Kind: CaseIterable {
        var name: String
        var syn = false, ack = false, fin = false, rst = false
        var byteCount = 0

        static let allCases = [
            Kind(name: "no flags"), Kind(name: "no flags, data", byteCount: 10), Kind(name: "ACK", ack: true),
            Kind(name: "ACK, data", ack: true, byteCount: 10), Kind(name: "SYN", syn: true),
            Kind(name: "SYN,ACK", syn: true, ack: true), Kind(name: "SYN,FIN", syn: true, fin: true),
            Kind(name: "SYN,FIN,ACK", syn: true, ack: true, fin: true), Kind(name: "FIN", fin: true),
            Kind(name: "FIN,ACK", ack: true, fin: true),
            Kind(name: "FIN,ACK, data", ack: true, fin: true, byteCount: 10), Kind(name: "RST", rst: true),
            Kind(name: "RST,ACK", ack: true, rst: true), Kind(name: "RST, data", rst: true, byteCount: 10),
            Kind(name: "SYN,RST", syn: true, rst: true),
            Kind(name: "SYN,FIN,RST,ACK", syn: true, ack: true, fin: true, rst: true),
        ]
    }
    struct Outcome: Equatable {
        var answer = Answer.nothing
        var place: Place
        var events: ConnectionEvents = []
        var reason: CloseReason?
        /// How far RCV.NXT moves, and whether the ACK must carry a SACK option if that was agreed on.
        var received = 0
        var reports = false
    }

    let place: Place
    let kind: Kind
    let position: Position
    let acknowledges: Acknowledges
    let hasTimestamps: Bool

    /// SEG.LEN.
    private var length: Int { kind.byteCount + (kind.syn ? 1 : 0) + (kind.fin ? 1 : 0) }

    var outcome: Outcome {
        switch place {
        case .closed: noConnection
        case .listen: listen
        case .synSent: synSent
        default: connection
        }
    }

    private func stay(_ answer: Answer = .nothing) -> Outcome { Outcome(answer: answer, place: place) }

    /// §3.10.7.1.
    private var noConnection: Outcome {
        kind.rst ? stay() : stay(kind.ack ? .reset : .resetAcknowledgment)
    }

    /// §3.10.7.2. A SYN with FIN is dropped here, which it allows ("any other control or text-bearing segment").
    private var listen: Outcome {
        if kind.rst { return stay() }
        if kind.ack { return stay(.reset) }
        guard kind.syn && !kind.fin else { return stay() }
        return Outcome(answer: .synchronizeAcknowledgment, place: .synReceived)
    }

    /// §3.10.7.3. Text and FIN that come with a SYN are left to be sent again.
    private var synSent: Outcome {
        if kind.ack && acknowledges != .everything { return kind.rst ? stay() : stay(.reset) }
        if kind.rst {
            return kind.ack ? Outcome(place: .closed, events: .closed, reason: .reset) : stay()
        }
        guard kind.syn else { return stay() }
        guard kind.ack else { return Outcome(answer: .synchronizeAcknowledgment, place: .synReceived) }
        return Outcome(answer: .acknowledgment, place: .established, events: .established)
    }

    private var isAcceptable: Bool {
        switch position {
        case .leftOfWindow: false
        case .leftEdge, .inside: true
        // One sequence number past the window; only an ACK without text is let through, and only for its ACK field.
        case .rightEdge: length == 0 && !kind.rst
        case .outside: false
        }
    }

    /// §3.10.7.4.
    private var connection: Outcome {
        if place == .timeWait, let reopened { return reopened }
        // First, the sequence number. A half-open connection answers no strangers: who spoofs gets nothing reflected.
        guard isAcceptable else {
            if kind.rst || place == .synReceived { return stay() }
            var outcome = stay(.acknowledgment)
            // RFC 2883: text that came before is reported.
            outcome.reports = position == .leftOfWindow && kind.byteCount > 0 && !kind.syn
            return outcome
        }
        // Second, RST: RFC 5961 §3.2, and RFC 1337 in TIME_WAIT.
        if kind.rst {
            if place == .timeWait { return stay() }
            if position == .leftEdge {
                return place == .synReceived
                    ? Outcome(place: .closed) : Outcome(place: .closed, events: .closed, reason: .reset)
            }
            return place == .synReceived ? stay() : stay(.acknowledgment)
        }
        // Fourth, SYN: RFC 5961 §4.2. (A half-open connection is not given up for one, as §3.10.7.4 would allow.)
        if kind.syn { return place == .synReceived ? stay() : stay(.acknowledgment) }
        // Fifth, ACK.
        guard kind.ack else { return stay() }
        return acknowledged
    }

    /// RFC 6191 §2 and RFC 9293 §3.10.7.4 fourth: the timestamp is newer, or the sequence number is.
    private var reopened: Outcome? {
        guard kind.syn && !kind.ack && !kind.fin && !kind.rst else { return nil }
        guard hasTimestamps || position == .inside || position == .rightEdge || position == .outside else { return nil }
        return Outcome(answer: .synchronizeAcknowledgment, place: .synReceived)
    }

    private var acknowledged: Outcome {
        var outcome = stay()
        if place == .synReceived {
            guard acknowledges == .everything else { return stay(.reset) }
            outcome.place = .established
            outcome.events = .established
        } else {
            if acknowledges == .unsent { return stay(.acknowledgment) }
            if acknowledges == .everything {
                switch place {
                case .finWait1: outcome.place = .finWait2
                case .closing:
                    outcome.place = .timeWait
                    outcome.events = .closed
                    outcome.reason = .finished
                case .lastAck: return Outcome(place: .closed, events: .closed, reason: .finished)
                default: break
                }
            }
        }
        text(&outcome)
        return outcome
    }

    /// Seventh and eighth.
    private func text(_ outcome: inout Outcome) {
        guard kind.byteCount > 0 || kind.fin else { return }
        outcome.answer = .acknowledgment
        switch outcome.place {
        case .established, .finWait1, .finWait2: break
        // The peer's FIN was received: nothing follows it.
        default: return
        }
        guard position == .leftEdge else {
            outcome.reports = true
            return
        }
        outcome.received = kind.byteCount + (kind.fin ? 1 : 0)
        if kind.byteCount > 0 { outcome.events.insert(.readable) }
        guard kind.fin else { return }
        outcome.events.insert(.peerFinished)
        switch outcome.place {
        case .established: outcome.place = .closeWait
        case .finWait1: outcome.place = .closing
        default:
            outcome.place = .timeWait
            outcome.events.insert(.closed)
            outcome.reason = .finished
        }
    }
}
