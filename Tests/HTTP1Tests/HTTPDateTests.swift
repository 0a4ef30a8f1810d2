import Testing

@testable import HTTP1

@Suite struct HTTPDateTests {
    private func parse(_ text: String, now: Int64 = 1_700_000_000) -> Int64? {
        let bytes = Array(text.utf8)
        return unsafe HTTPDate.parse(bytes.span.bytes, now: now)
    }

    private func format(_ seconds: Int64) -> String {
        var bytes = [UInt8](repeating: 0, count: HTTPDate.byteCount)
        unsafe bytes.withUnsafeMutableBytes { buffer in
            var writer = unsafe ByteWriter(buffer.baseAddress!, capacity: buffer.count)
            HTTPDate.append(seconds, to: &writer)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)])
    func formats(_ seconds: Int64, _ text: String) {
        #expect(format(seconds) == text)
        #expect(parse(text) == seconds)
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        for day in stride(from: Int64(-25_567), to: 130_000, by: 1) {
            let seconds = day * 86_400 + (day & 0xFFFF)
            let text = format(seconds)
            if parse(text) != seconds {
                Issue.record("\(seconds) is \(text)")
                return
            }
        }
    }

    @Test(
        arguments: [
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Wednesday, 16-Nov-22 00:00:00 GMT", 1_668_556_800), ("Sun, 06 Nov 1994 08:49:60 GMT", 784_111_800),
            // 2073 is not more than 50 years after 2023, 2074 is.
            ("Sunday, 01-Jan-73 00:00:00 GMT", 3_250_454_400), ("Tuesday, 01-Jan-74 00:00:00 GMT", 126_230_400),
            ("Thu Feb 29 00:00:00 1996", 825_552_000),
        ] as [(String, Int64)])
    func readsObsoleteForms(_ text: String, _ seconds: Int64) {
        #expect(parse(text) == seconds)
    }

    @Test(arguments: [
        "", "x", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "784111777", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sundays, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
    ])
    func refuses(_ text: String) {
        #expect(parse(text) == nil)
    }
}
