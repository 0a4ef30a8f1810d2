import Testing

@testable import HTTP1

@Suite struct ChunkedDecoderTests {
    /// Body, bytes decoded; nil is invalid.
    @Test(
        arguments: [
            ("0\r\n\r\n", 0), ("5\r\nhello\r\n0\r\n\r\n", 5), ("A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", 11),
            ("005;a=b;c=\"d\"\r\nhello\r\n000\r\n\r\n", 5), ("1\r\nx\r\n0\r\nTrailer: a\r\nOther: b\r\n\r\n", 1),
            ("5\r\nhel\r\n\r\n0\r\n\r\n", 5),
            ("\r\n", nil), ("g\r\n", nil), ("-1\r\n", nil), ("0x1\r\n", nil), ("1 \r\nx\r\n", nil), ("1\nx", nil),
            ("1\r\nxy\r\n", nil), ("1\r\nx\n", nil), ("1;a\nb\r\n", nil), ("0\r\nA: b\n", nil), ("0\r\n\r\r", nil),
            ("FFFFFFFFFFFFFFFF\r\n", nil), (";\r\n", nil), ("0\r\nA: \u{0}\r\n", nil), (" 1\r\n", nil),
        ] as [(String, UInt64?)])
    func decodes(_ body: String, _ expected: UInt64?) {
        let bytes = Array(body.utf8)
        let rest = Array("GET".utf8)
        for size in 1...bytes.count {
            var decoder = ChunkedDecoder()
            var outcome = ChunkedDecoder.Outcome.incomplete
            var total = 0
            let all = bytes + rest
            while outcome == .incomplete, total < all.count {
                let piece = Array(all[total..<min(total + size, all.count)])
                var position = 0
                outcome = unsafe decoder.decode(piece.span.bytes, at: &position)
                total += position
            }
            guard let expected else {
                #expect(outcome == .invalid, "pieces of \(size)")
                continue
            }
            #expect(outcome == .complete, "pieces of \(size)")
            #expect(decoder.byteCount == expected)
            #expect(total == bytes.count)
        }
    }

    @Test func extensionsAndTrailersAreBounded() {
        for start in ["1;", "0\r\nA: "] {
            let bytes = Array((start + String(repeating: "a", count: 5_000)).utf8)
            var decoder = ChunkedDecoder()
            var position = 0
            let outcome = unsafe decoder.decode(bytes.span.bytes, at: &position)
            #expect(outcome == .invalid)
        }
        let many = Array(("0\r\n" + String(repeating: "A: b\r\n", count: 2_000)).utf8)
        var decoder = ChunkedDecoder()
        var position = 0
        let outcome = unsafe decoder.decode(many.span.bytes, at: &position)
        #expect(outcome == .invalid)
    }
}
