import Handover
import Testing

@testable import LogWriter

/// What is written when the output takes only a part, and when it becomes another file.
@Suite struct LogBufferTests {
    private func buffer(_ form: LogForm, _ text: String) -> LogBuffer {
        var buffer = LogBuffer(form: form)
        buffer.bytes = Array(text.utf8)
        return buffer
    }

    private func next(_ buffer: LogBuffer) -> String {
        unsafe buffer.withBytes(buffer.next) { unsafe String(decoding: $0, as: UTF8.self) }
    }

    @Test func anOutputThatTakesAByteAtATimeGetsEverything() {
        for form in [LogForm.access, .errors] {
            var buffer = buffer(form, "one\ntwo\n")
            var counts = LogCounts()
            var written = ""
            while !buffer.isEmpty {
                written += String(next(buffer).prefix(1))
                buffer.wrote(1, counting: &counts)
            }
            #expect(written == "one\ntwo\n")
            #expect(counts.lines == 2 && counts.bytes == 8)
        }
    }

    @Test func linesOfStandardErrorAreWrittenOneByOne() {
        #expect(next(buffer(.errors, "one\ntwo\n")) == "one\n")
        #expect(next(buffer(.access, "one\ntwo\n")) == "one\ntwo\n")
    }

    /// Half of a line is in the old file: the new one does not begin with the other half.
    @Test func aNewFileBeginsWithAWholeLine() {
        var buffer = buffer(.access, "one\ntwo\nthree\n")
        var counts = LogCounts()
        buffer.wrote(5, counting: &counts)
        buffer.outputChanged(counting: &counts)
        #expect(next(buffer) == "three\n")
        #expect(counts.cut == 1 && counts.lines == 1)
    }

    @Test func aNewFileGetsEveryLineThatWasNotBegun() {
        var buffer = buffer(.access, "one\ntwo\n")
        var counts = LogCounts()
        buffer.outputChanged(counting: &counts)
        #expect(next(buffer) == "one\ntwo\n")
        buffer.wrote(4, counting: &counts)
        buffer.outputChanged(counting: &counts)
        #expect(next(buffer) == "two\n")
        #expect(counts.cut == 0)
    }
}

@Suite struct TokenBucketTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func aBurstThenTheRate() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, burstByteCount: 2_000, now: 0)
        let isFull = bucket.hasRoom(at: 0)
        bucket.take(2_000)
        let isEmpty = !bucket.hasRoom(at: 0)
        let next = bucket.nextRoom(at: 0)
        let hasRoomAgain = bucket.hasRoom(at: next)
        #expect(isFull && isEmpty && hasRoomAgain)
        #expect((Self.second / 4...Self.second / 3).contains(next))
    }

    /// In the long run no more than the rate, whatever the amounts.
    @Test(arguments: [1, 7, 4_096, 65_536]) func theRateHolds(_ amount: Int) {
        var bucket = TokenBucket(bytesPerSecond: 10_000, burstByteCount: 20_000, now: 0)
        var taken = 0
        for millisecond in 0..<60_000 as Range<UInt64> {
            while bucket.hasRoom(at: millisecond * 1_000_000) {
                bucket.take(amount)
                taken += amount
            }
        }
        #expect(taken <= 20_000 + 60 * 10_000 + amount)
        #expect(taken >= 60 * 10_000 * 9 / 10)
    }

    @Test func timeThatStandsStillOrIsLongHurtsNobody() {
        var bucket = TokenBucket(bytesPerSecond: .max, burstByteCount: .max, now: 5)
        let before = bucket.hasRoom(at: 0)
        let after = bucket.hasRoom(at: .max)
        #expect(before && after)
        var none = TokenBucket(bytesPerSecond: 0, burstByteCount: 0, now: 0)
        none.take(.max / 2_000_000)
        let hasRoom = none.hasRoom(at: 1)
        let next = none.nextRoom(at: 1)
        #expect(!hasRoom && next > 1)
    }
}
