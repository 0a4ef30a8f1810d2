/// The states of a connection, RFC 9293 §3.3.2. A connection in CLOSED or LISTEN has no block.
public enum State: UInt8, Sendable, BitwiseCopyable {
    case closed, synSent, synReceived, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait
}
