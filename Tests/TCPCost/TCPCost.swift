import PacketHeaders
import TCPStack
import TestSupport

/// Loops that scripts/tcp-cost runs under callgrind, which counts the instructions of the stack's own calls only.
///
/// usage: tcp-cost data|echo SEGMENTS
@main enum TCPCost {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, ["data", "echo"].contains(arguments[1]), let count = Int(arguments[2]) else {
            fatalError("usage: tcp-cost data|echo SEGMENTS")
        }
        var stack = Stack(configuration)
        let isListening = stack.listen(on: Endpoint(address: .any, port: 80))
        var peer = Peer()
        peer.receive(peer.frame(SegmentTemplate.syn), &stack)
        _ = peer.transmit(&stack)
        peer.receive(peer.frame(SegmentTemplate.ack), &stack)
        let done = arguments[1] == "data" ? data(count, &peer, &stack) : echo(count, &peer, &stack)
        precondition(isListening && done == count, "\(done) of \(count) segments")
    }

    private static var configuration: Configuration {
        var configuration = Configuration(secret: (1, 2))
        configuration.connectionCapacity = 16
        configuration.keepaliveIdle = nil
        return configuration
    }

    /// Segments of 1,448 bytes arrive in order and are used in place.
    private static func data(_ count: Int, _ peer: inout Peer, _ stack: inout Stack) -> Int {
        for _ in 0..<count {
            peer.now.nanoseconds += 1_000_000
            peer.receive(peer.frame(SegmentTemplate.ack, byteCount: 1_448), &stack)
            _ = peer.transmit(&stack)
        }
        return peer.deliveredCount
    }

    /// Segments of 1,448 bytes are sent, and each is acknowledged.
    private static func echo(_ count: Int, _ peer: inout Peer, _ stack: inout Stack) -> Int {
        var sent = 0
        for _ in 0..<count {
            peer.now.nanoseconds += 1_000_000
            if let id = peer.connection { stack.send(id, byteCount: 1_448) }
            sent += peer.transmit(&stack)
            peer.receive(peer.frame(SegmentTemplate.ack), &stack)
        }
        return sent
    }
}

/// The other end, as far as the loops need one.
private struct Peer {
    var now = Instant(nanoseconds: 1_000_000_000)
    var connection: ConnectionID?
    var deliveredCount = 0
    private var next: UInt32 = 100
    private var acknowledgment: UInt32 = 0
    private var echo: UInt32 = 0

    mutating func frame(_ control: UInt8, byteCount: Int = 0) -> [UInt8] {
        var template = SegmentTemplate(
            from: Endpoint(address: Simulation.address(2, isIPv6: false), port: 40_000),
            to: Endpoint(address: Simulation.address(1, isIPv6: false), port: 80))
        template.control = control
        template.sequence = next
        template.acknowledgment = acknowledgment
        template.payload = [UInt8](repeating: 7, count: byteCount)
        let isSynchronize = control == SegmentTemplate.syn
        // MSS 1,460 and SACK.
        if isSynchronize { template.options = [2, 4, 5, 180, 1, 1, 4, 2] }
        let clock = now.nanoseconds / 1_000_000
        template.options += [1, 1, 8, 10] + SegmentTemplate.big(clock, 4) + SegmentTemplate.big(UInt64(echo), 4)
        next &+= UInt32(byteCount) + (isSynchronize ? 1 : 0)
        return template.frame
    }

    mutating func receive(_ bytes: [UInt8], _ stack: inout Stack) {
        // Safe: bytes have no padding.
        let frame = unsafe bytes.span.bytes
        let arrival = stack.receive(frame, at: now)
        if let id = arrival.connection { connection = id }
        guard !arrival.payload.isEmpty else { return }
        _ = stack.deliver(arrival, consumed: arrival.payload.count, frame: frame)
        deliveredCount += 1
    }

    /// Takes what the stack sends. Returns how many segments it was.
    mutating func transmit(_ stack: inout Stack) -> Int {
        var count = 0
        var buffer = [UInt8](repeating: 0, count: 2_048)
        while stack.nextEvent(at: now) != nil {}
        while true {
            var span = buffer.mutableSpan
            // Safe: any byte is a value of UInt8.
            var bytes = unsafe span.mutableBytes
            guard let segment = stack.nextSegment(into: &bytes, at: now) else { return count }
            stack.seal(segment, &bytes)
            guard let template = SegmentTemplate(Array(buffer[..<segment.byteCount])) else { return count }
            let isSynchronize = template.control & SegmentTemplate.syn != 0
            acknowledgment = template.sequence &+ UInt32(template.payload.count) &+ (isSynchronize ? 1 : 0)
            for (kind, content) in template.optionList where kind == 8 {
                echo = SegmentTemplate.number(content.prefix(4))
            }
            count += 1
        }
    }
}
