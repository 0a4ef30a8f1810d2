/// The names of the codes in a telemetry page, in the order of their values. They are those of the TCP stack, which the
/// manager does not know; a test of the NF's side holds the two together.
public enum TCPVocabulary {
    /// Of a connection (RFC 9293 §3.3.2); one that is gone, whose events are kept, is `ended`.
    public static let states = [
        "closed", "synSent", "synReceived", "established", "finWait1", "finWait2", "closeWait", "closing", "lastAck",
        "timeWait", "ended",
    ]

    /// Where the sender stands with losses.
    public static let recoveryPhases = [
        "open", "fast", "timeout",
    ]

    /// What both ends agreed on, from bit 0.
    public static let options = [
        "timestamps", "selectiveAcknowledgment", "windowScale", "congestionNotification", "nagle", "active",
    ]

    /// Timers that run, from bit 0.
    public static let timers = [
        "retransmission", "tailLossProbe", "persist", "handshake", "reordering", "delayedAcknowledgment", "keepalive",
        "state", "application",
    ]

    /// What is noted of a connection.
    public static let events = [
        "synSent", "synReceived", "synCookieAccepted", "established", "finReceived", "finSent", "resetReceived",
        "resetSent", "retransmissionTimeout", "fastRecovery", "tailLossProbe", "recoveryEnded", "undone",
        "congestionEcho", "congestionExperienced", "reorderingSeen", "zeroWindow", "windowProbe", "windowOpened",
        "windowClosed", "noReceiveRoom", "keepaliveProbe", "challengeAcknowledgment", "pathMTUReduced",
        "pathMTURaised", "blackHole", "unreachable", "userTimeout", "timeWait", "reopened", "closed",
    ]

    /// The argument of `resetSent`.
    public static let resetCauses = [
        "aborted", "bytesUnavailable", "unreadAtClose", "dataAfterClose", "timedOut", "orphanLimit",
    ]

    /// The argument of `closed`.
    public static let closeReasons = [
        "finished", "reset", "timedOut", "aborted", "unreachable",
    ]

    /// What the RFCs make a stack do.
    public static let counters = [
        "segmentsReceived", "segmentsSent", "bytesReceived", "bytesSent", "bytesAcknowledged", "passiveOpens",
        "activeOpens", "established", "closedNormally", "closedByReset", "closedByTimeout", "aborted",
        "resetsReceived", "resetsSent", "challengeAcknowledgments", "retransmittedSegments", "retransmittedBytes",
        "retransmissionTimeouts", "fastRetransmits", "tailLossProbes", "recoveries", "spuriousRetransmissions",
        "selectiveAcknowledgments", "duplicateSelectiveAcknowledgments", "duplicateAcknowledgments",
        "outOfOrderSegments", "duplicateSegments", "delayedAcknowledgments", "windowProbes", "keepaliveProbes",
        "zeroWindowsAdvertised", "cookiesSent", "cookiesAccepted", "timeWaitEntered", "timeWaitReused",
        "timeWaitRecycled", "partialChecksumsAccepted", "pathMTUReductions", "coarseTransmissions",
        "congestionExperienced", "congestionEchoes", "reorderingSeen", "userTimeouts",
        "closedWithUnread", "dataAfterClose", "orphansRefused", "urgentSegments", "stalled",
    ]

    /// Why a frame, or a reply, came to nothing. Also the argument of `challengeAcknowledgment`.
    public static let drops = [
        "truncatedFrame", "notIP", "malformedIPv4", "malformedIPv6", "ipv4Checksum", "fragment", "notTCP",
        "malformedTCP", "tcpChecksum", "invalidAddress", "noListener", "connectionTableFull", "halfOpenLimit",
        "invalidCookie", "outsideWindow", "paws", "missingTimestamp", "closedForReading",
        "unacceptableAcknowledgment", "invalidFlags", "invalidReset",
        "noReceiveRoom", "connectionGone", "replyQueueFull", "rateLimited", "invalidICMP", "ignoredICMP",
    ]

    /// The name of a code, or a number for one that has none.
    public static func name(_ code: UInt64, in names: [String]) -> String {
        code < UInt64(names.count) ? names[Int(code)] : "\(code)"
    }

    /// The names of the bits that are set.
    public static func names(_ bits: UInt64, in names: [String]) -> [String] {
        names.indices.filter { bits & 1 << UInt64($0) != 0 }.map { names[$0] }
    }

    /// What an event's argument stands for; nil when it is a number.
    public static func meaning(of event: String, _ argument: UInt64) -> String? {
        switch event {
        case "resetSent": name(argument, in: resetCauses)
        case "closed": name(argument, in: closeReasons)
        case "challengeAcknowledgment": name(argument, in: drops)
        default: nil
        }
    }
}
