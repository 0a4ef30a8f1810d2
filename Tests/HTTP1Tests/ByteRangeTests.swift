import Testing

@testable import HTTP1

@Suite struct ByteRangeTests {
    enum Expected: Equatable { case ignored, unsatisfiable, ranges([ClosedRange<UInt64>]) }

    @Test(
        arguments: [
            ("bytes=0-0", 10, .ranges([0...0])), ("bytes=0-", 10, .ranges([0...9])),
            ("bytes=3-5", 10, .ranges([3...5])),
            ("bytes=-3", 10, .ranges([7...9])), ("bytes=-30", 10, .ranges([0...9])),
            ("bytes=9-100", 10, .ranges([9...9])),
            ("BYTES=1-2", 10, .ranges([1...2])), ("bytes=0-18446744073709551615", 10, .ranges([0...9])),
            ("bytes=0-99999999999999999999999", 10, .ranges([0...9])),
            ("bytes=0-1,4-5", 10, .ranges([0...1, 4...5])), ("bytes=4-5, 0-1", 10, .ranges([4...5, 0...1])),
            ("bytes= 0-1 ,, -1", 10, .ranges([0...1, 9...9])),
            ("bytes=5-7,0-5", 10, .ranges([0...7])), ("bytes=0-3,2-5,7-8,8-", 10, .ranges([0...5, 7...9])),
            ("bytes=0-0,0-0,0-0", 10, .ranges([0...0])), ("bytes=0-4,20-30", 10, .ranges([0...4])),
            ("bytes=10-", 10, .unsatisfiable), ("bytes=10-20,30-", 10, .unsatisfiable),
            ("bytes=-0", 10, .unsatisfiable),
            ("bytes=0-", 0, .unsatisfiable), ("bytes=-5", 0, .ignored), ("bytes=0-0,-5", 0, .ignored),
            ("bytes=99999999999999999999999-", 10, .unsatisfiable),
            ("bytes=", 10, .ignored), ("bytes=,", 10, .ignored), ("bytes=5", 10, .ignored), ("bytes=-", 10, .ignored),
            ("bytes=5-3", 10, .ignored), ("bytes=a-b", 10, .ignored), ("bytes=0-1,x", 10, .ignored),
            ("bytes 0-1", 10, .ignored), ("items=0-1", 10, .ignored), ("bytes=0 - 1", 10, .ignored),
            ("bytes=--1", 10, .ignored), ("bytes=0x1-2", 10, .ignored), ("", 10, .ignored),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,1-1,2-2,3-3,4-4,5-5,6-6", 10, .ignored),
        ] as [(String, UInt64, Expected)])
    func parses(_ value: String, _ size: UInt64, _ expected: Expected) {
        var set = ByteRangeSet()
        let bytes = Array(value.utf8)
        let outcome = unsafe set.parse(bytes.span.bytes, size: size)
        switch outcome {
        case .ignored: #expect(expected == .ignored)
        case .unsatisfiable: #expect(expected == .unsatisfiable)
        case .satisfiable:
            let ranges = (0..<set.count).map { set[$0].first...set[$0].last }
            #expect(expected == .ranges(ranges))
        }
    }
}
