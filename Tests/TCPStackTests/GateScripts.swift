import CBPFTypes
import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// Connections whose SYN the platform's gate answered: what the stack makes of the facts it is given.
@Suite struct GateScripts {
    @Test(arguments: [
        Script(
            "the facts beside an ACK open a connection with the options of its SYN, and the clock goes on",
            """
            0.000 ! gate 1000 3 7
            0.020 < . 1:1 ack 1 win 100
            0.020 ? event established
            0.020 ? sendwindow 12800
            0.020 ? connections 1
            0.020 ! send 3000
            0.020 > . 1:989 ack 1 win 8191 <ts>
            0.020 > . 989:1977 ack 1
            0.020 > . 1977:2965 ack 1
            0.020 > P. 2965:3001 ack 1
            0.020 ? clock 20
            0.040 < . 1:1 ack 3001 <sack 5000:5001>
            0.040 ? acked 3000
            """),
        Script(
            "data in the place of the ACK is taken",
            """
            0.000 ! gate 1460 0 0
            0.300 < P. 1:101 ack 1 win 100
            0.300 > . 1:1 ack 101
            0.300 ? event established readable
            0.300 ? received 100
            0.300 ? clock 300
            """),
        Script(
            "a FIN in the place of the ACK, too",
            """
            0.000 ! gate 1460 0 0
            0.020 < F. 1:11 ack 1 win 100
            0.020 > . 1:1 ack 12
            0.020 ? event established readable peerFinished
            """),
        Script(
            "facts about another segment are none",
            """
            0.000 ! gate 1460 0 0 ; gate stale
            0.020 < . 1:1 ack 1 win 100
            0.020 > R 1:1
            0.020 ? connections 0
            """),
        Script(
            "a segment further on finds no connection: its first one will come again",
            """
            0.000 ! gate 1460 0 0
            0.020 < . 101:201 ack 1 win 100
            0.020 > R 1:1
            0.020 ? connections 0
            """),
        Script(
            "facts beside a segment of a known connection change nothing",
            """
            0.000 ! gate 1000 3 7
            0.020 < . 1:1 ack 1 win 100
            0.030 < P. 1:101 ack 1 win 100
            0.030 > . 1:1 ack 101
            0.030 ? connections 1
            0.030 ? count cookiesAccepted 1
            """),
    ])
    func scripts(script: Script) { script.expectPass() }

    @Test("facts are read only where they are whole, and never from the frame")
    func malformed() {
        var segment = SegmentHeader()
        segment.sequence = SequenceNumber(7)
        segment.acknowledgment = SequenceNumber(9)
        var facts = onvm_gate_facts()
        facts.magic = ONVM_GATE_FACTS_MAGIC
        facts.sequence = 7
        facts.acknowledgment = 9
        facts.timestamp_offset = 0xA1B2_C3D4
        facts.segment_size = 1_440
        facts.shift = 5
        #expect(MemoryLayout<onvm_gate_facts>.size == GateFacts.byteCount)
        let bytes = unsafe withUnsafeBytes(of: facts) { unsafe Array($0) }
        func read(_ bytes: [UInt8]) -> GateFacts? {
            // Safe: bytes have no padding.
            GateFacts(unsafe bytes.span.bytes, beside: segment)
        }
        let whole = read(bytes)
        #expect(whole?.timestampOffset == 0xA1B2_C3D4 && whole?.segmentSize == 1_440 && whole?.windowShift == 5)
        for count in 0..<bytes.count { #expect(read(Array(bytes.prefix(count))) == nil) }
        for index in 0..<12 {
            var changed = bytes
            changed[index] ^= 1
            #expect(read(changed) == nil, "byte \(index)")
        }
    }

    /// The eBPF programs and the stack make and read the same cookies: each reads what the other made.
    @Test("cookies are the stack's, value for value")
    func vectors() {
        var random = SeededRandom(seed: 4_987)
        for round in 0..<2_000 {
            let secret = (random.next(), random.next())
            let isIPv4 = round % 2 == 0
            let ipv4 = { Address(ipv4: UInt32(truncatingIfNeeded: random.next())) }
            let ipv6 = { Address(high: random.next() | 1, low: random.next()) }
            let identity = ConnectionIdentity(
                peer: isIPv4 ? ipv4() : ipv6(), local: isIPv4 ? ipv4() : ipv6(),
                peerPort: UInt16(truncatingIfNeeded: random.next()), localPort: UInt16(truncatingIfNeeded: random.next()))
            let sequence = UInt32(truncatingIfNeeded: random.next())
            let size = [0, 63, 64, 536, 1_219, 1_220, 1_400, 1_440, 1_459, 1_460, 4_312, 8_960, 65_535][round % 13]
            let now = random.next() % 10_000_000_000_000
            var stack = SYNCookie(secret: secret)
            let made = stack.make(
                identity, SequenceNumber(sequence), segmentSize: UInt16(size), at: Instant(nanoseconds: now)
            ).rawValue

            var words = onvm_cookie_secret(words: secret)
            var connection = onvm_cookie_connection(
                peer: onvm_address(high: identity.peer.high, low: identity.peer.low),
                local: onvm_address(high: identity.local.high, low: identity.local.low), ports: identity.ports)
            let kernel = unsafe onvm_cookie_make(&words, &connection, sequence, UInt32(size), now)
            #expect(UInt32(truncatingIfNeeded: kernel) == made, "round \(round)")
            for age in [0, 63_000_000_000, 64_000_000_000, 127_000_000_000, 128_000_000_000, 200_000_000_000] as [UInt64] {
                let read = unsafe onvm_cookie_read(&words, &connection, sequence, made, now + age)
                // The stack also asks when it sent its last one, which is at most that long ago.
                let expected = age < 128_000_000_000
                    ? stack.segmentSize(
                        in: SequenceNumber(made), identity, SequenceNumber(sequence),
                        at: Instant(nanoseconds: now + age)) : nil
                #expect(read.segment_size == UInt32(expected ?? 0), "round \(round) age \(age)")
                let isRead = read.segment_size != 0
                #expect(!isRead || read.timestamp_offset == UInt32(truncatingIfNeeded: kernel >> 32))
            }
            #expect(unsafe onvm_cookie_read(&words, &connection, sequence &+ 1, made, now).segment_size == 0)
            #expect(unsafe onvm_cookie_read(&words, &connection, sequence, made ^ 1 << 23, now).segment_size == 0)

            let clock = UInt32(truncatingIfNeeded: random.next())
            var options = Options()
            options.windowShift = [255, 0, 7, 14][round % 4]
            options.permitsSACK = round % 3 == 0
            #expect(
                onvm_cookie_timestamp(clock, UInt32(options.windowShift), options.permitsSACK ? 1 : 0)
                    == SYNCookie.timestamp(clock, options))
        }
    }
}
