/// The configured durations in nanoseconds.
struct Timing: BitwiseCopyable {
    let limits: TimeoutLimits
    let initialTimeout: UInt64
    let delayedAcknowledgment: UInt64
    let user: UInt64
    let handshake: UInt64
    let connect: UInt64
    let usesKeepalive: Bool
    let keepaliveIdle: UInt64
    let keepaliveInterval: UInt64
    let timeWait: UInt64
    let finWait2: UInt64
    let challengeMilliseconds: UInt32

    init(_ configuration: borrowing Configuration) {
        limits = TimeoutLimits(
            minimum: configuration.minimumRetransmissionTimeout.nanoseconds,
            maximum: configuration.maximumRetransmissionTimeout.nanoseconds)
        initialTimeout = configuration.initialRetransmissionTimeout.nanoseconds
        delayedAcknowledgment = configuration.delayedAcknowledgmentTimeout.nanoseconds
        user = configuration.userTimeout.nanoseconds
        handshake = configuration.handshakeTimeout.nanoseconds
        connect = configuration.connectTimeout.nanoseconds
        usesKeepalive = configuration.keepaliveIdle != nil
        keepaliveIdle = (configuration.keepaliveIdle ?? .seconds(7_200)).nanoseconds
        keepaliveInterval = configuration.keepaliveInterval.nanoseconds
        timeWait = configuration.timeWait.nanoseconds
        finWait2 = configuration.finWait2Timeout.nanoseconds
        challengeMilliseconds = UInt32(clamping: configuration.challengeInterval.nanoseconds / 1_000_000)
    }
}
