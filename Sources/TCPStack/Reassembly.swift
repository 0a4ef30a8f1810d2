/// A range of sequence numbers received beyond RCV.NXT.
struct ReceivedRange: PoolElement, BitwiseCopyable {
    var next: UInt32 = noIndex
    var start: SequenceNumber
    var end: SequenceNumber
}

/// What was received out of order (RFC 9293 §3.10.7.4, "segments with higher beginning sequence numbers SHOULD be
/// held"), and which of it to report first (RFC 2018 §4).
struct Reassembly: BitwiseCopyable {
    private(set) var head = noIndex
    private(set) var count: UInt16 = 0
    /// A sequence number inside each of the ranges that changed latest, latest first.
    private var recent = InlineArray<4, UInt32>(repeating: 0)
    private var recentCount: UInt8 = 0

    static let limit: UInt16 = 512

    var isEmpty: Bool { head == noIndex }

    /// Adds a range, joining those it touches. False when it is not there and there is no room to remember it.
    mutating func insert(_ start: SequenceNumber, _ end: SequenceNumber, in ranges: inout Pool<ReceivedRange>) -> Bool {
        var previous = noIndex
        var index = head
        while index != noIndex && ranges.elements[index].end < start {
            previous = index
            index = ranges.elements[index].next
        }
        if index == noIndex || end < ranges.elements[index].start {
            guard count < Self.limit, let new = ranges.take() else { return false }
            ranges.elements[new] = ReceivedRange(next: index, start: start, end: end)
            if previous == noIndex { head = new } else { ranges.elements[previous].next = new }
            count &+= 1
        } else {
            extend(index, start, end, in: &ranges)
        }
        noteRecent(start)
        return true
    }

    private mutating func extend(
        _ index: UInt32, _ start: SequenceNumber, _ end: SequenceNumber, in ranges: inout Pool<ReceivedRange>
    ) {
        if start < ranges.elements[index].start { ranges.elements[index].start = start }
        if ranges.elements[index].end < end { ranges.elements[index].end = end }
        while true {
            let next = ranges.elements[index].next
            guard next != noIndex, ranges.elements[next].start <= ranges.elements[index].end else { return }
            if ranges.elements[index].end < ranges.elements[next].end {
                ranges.elements[index].end = ranges.elements[next].end
            }
            ranges.elements[index].next = ranges.elements[next].next
            ranges.give(next)
            count &-= 1
        }
    }

    private mutating func noteRecent(_ start: SequenceNumber) {
        for position in stride(from: 3, to: 0, by: -1) { recent[position] = recent[position - 1] }
        recent[0] = start.rawValue
        recentCount = min(recentCount + 1, 4)
    }

    /// Whether `start..<end` was all received before.
    func contains(_ start: SequenceNumber, _ end: SequenceNumber, in ranges: borrowing Pool<ReceivedRange>) -> Bool {
        guard let index = find(start, in: ranges) else { return false }
        return end <= ranges.elements[index].end
    }

    private func find(_ position: SequenceNumber, in ranges: borrowing Pool<ReceivedRange>) -> UInt32? {
        var index = head
        while index != noIndex && ranges.elements[index].end <= position { index = ranges.elements[index].next }
        return index != noIndex && ranges.elements[index].start <= position ? index : nil
    }

    /// RCV.NXT reached `next`: takes the ranges that it joins or passed. Returns where RCV.NXT is then.
    mutating func advance(_ next: SequenceNumber, in ranges: inout Pool<ReceivedRange>) -> SequenceNumber {
        var next = next
        while head != noIndex && ranges.elements[head].start <= next {
            next = SequenceNumber.latest(next, ranges.elements[head].end)
            let following = ranges.elements[head].next
            ranges.give(head)
            head = following
            count &-= 1
        }
        if head == noIndex { recentCount = 0 }
        return next
    }

    /// The highest sequence number held plus one; `next` when nothing is.
    func end(after next: SequenceNumber, in ranges: borrowing Pool<ReceivedRange>) -> SequenceNumber {
        var index = head
        var end = next
        while index != noIndex {
            end = ranges.elements[index].end
            index = ranges.elements[index].next
        }
        return end
    }

    /// The ranges to report, the latest changed first and none twice: indices into `ranges`, noIndex past the last.
    func blocks(limit: Int, in ranges: borrowing Pool<ReceivedRange>) -> InlineArray<4, UInt32> {
        var blocks = InlineArray<4, UInt32>(repeating: noIndex)
        var found = 0
        for position in 0..<Int(recentCount) where found < limit {
            guard let index = find(SequenceNumber(recent[position]), in: ranges) else { continue }
            var isKnown = false
            for earlier in 0..<found where blocks[earlier] == index { isKnown = true }
            if isKnown { continue }
            blocks[found] = index
            found &+= 1
        }
        return blocks
    }

    mutating func clear(_ ranges: inout Pool<ReceivedRange>) {
        while head != noIndex {
            let next = ranges.elements[head].next
            ranges.give(head)
            head = next
        }
        count = 0
        recentCount = 0
    }
}
