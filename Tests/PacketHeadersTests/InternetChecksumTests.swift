import PacketHeaders
import TestSupport
import Testing

@Suite struct InternetChecksumTests {
    /// The sum by the book: 16-bit big-endian words, end-around carry (RFC 1071 §1).
    private func reference(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var sum: UInt32 = 0
        var position = bytes.startIndex
        while position < bytes.endIndex {
            let low = position + 1 < bytes.endIndex ? bytes[position + 1] : 0
            sum += UInt32(bytes[position]) << 8 | UInt32(low)
            sum = sum & 0xFFFF + sum >> 16
            position += 2
        }
        return UInt16(sum & 0xFFFF + sum >> 16)
    }

    @Test func exampleOfRFC1071() {
        let bytes: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
        var checksum = InternetChecksum()
        // Safe: bytes have no padding.
        checksum.add(unsafe bytes.span.bytes, 0..<8)
        #expect(UInt16(bigEndian: checksum.folded) == 0xDDF2)
    }

    @Test func everyLengthAtEveryAlignment() {
        var random = SeededRandom(seed: 4)
        let bytes = (0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for start in 0..<9 {
            for end in start...bytes.count {
                var checksum = InternetChecksum()
                // Safe: as above.
                checksum.add(unsafe bytes.span.bytes, start..<end)
                let expected = reference(bytes[start..<end])
                #expect(UInt16(bigEndian: checksum.folded) == expected, "\(start)..<\(end)")
            }
        }
    }

    @Test(arguments: [1_460, 9_000, 65_535])
    func allOnesCarry(byteCount: Int) {
        let bytes = [UInt8](repeating: 0xFF, count: byteCount)
        var checksum = InternetChecksum()
        // Safe: as above.
        checksum.add(unsafe bytes.span.bytes, 0..<byteCount)
        let expected = reference(bytes[...])
        #expect(UInt16(bigEndian: checksum.folded) == expected)
    }

    @Test func wordsSumLikeTheirBytes() {
        let bytes: [UInt8] = [0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0, 0xFF, 0xFF, 0x01, 0x02, 0x80, 0x90]
        // Safe: as above.
        let span = unsafe bytes.span.bytes
        var words = InternetChecksum()
        words.add(span.native(UInt64.self, at: 0))
        words.add(span.native(UInt32.self, at: 8))
        words.add(span.native(UInt16.self, at: 12))
        let expected = reference(bytes[...])
        #expect(UInt16(bigEndian: words.folded) == expected)
    }

    /// The mapped form of an IPv4 address must not change the sum.
    @Test func pseudoHeaderOfIPv4() {
        let source: UInt32 = 0x0A4D_0001
        let destination: UInt32 = 0xC0A8_FFFE
        let checksum = InternetChecksum(
            pseudoHeader: Address(ipv4: source.bigEndian), Address(ipv4: destination.bigEndian), protocol: 6,
            byteCount: 40)
        let bytes: [UInt8] = [0x0A, 0x4D, 0x00, 0x01, 0xC0, 0xA8, 0xFF, 0xFE, 0, 6, 0, 40]
        let expected = reference(bytes[...])
        #expect(UInt16(bigEndian: checksum.folded) == expected)
    }
}
