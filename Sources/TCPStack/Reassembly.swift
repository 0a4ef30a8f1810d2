/// A range of sequence numbers received beyond RCV.NXT.
struct ReceivedRange: PoolElement, BitwiseCopyable {
    var next: UInt32 = noIndex
    var start: SequenceNumber
    var end: SequenceNumber
    /// Grows with every change of any range of the connection.
    var change: UInt32 = 0
}

/// What was received out of order (RFC 9293 §3.10.7.4, "segments with higher beginning sequence numbers SHOULD be
/// held"), and which of it to report first (RFC 2018 §4).
struct Reassembly: BitwiseCopyable {
    private(set) var head = noIndex
    private(set) var count: UInt16 = 0
    private var changeCount: UInt32 = 0

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
        changeCount &+= 1
        if index == noIndex || end < ranges.elements[index].start {
            guard count < Self.limit, let new = ranges.take() else { return false }
            ranges.elements[new] = ReceivedRange(next: index, start: start, end: end, change: changeCount)
            if previous == noIndex { head = new } else { ranges.elements[previous].next = new }
            count &+= 1
        } else {
            ranges.elements[index].change = changeCount
            extend(index, start, end, in: &ranges)
        }
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

    /// The ranges to report, the latest changed first: indices into `ranges`, noIndex past the last.
    func blocks(limit: Int, in ranges: borrowing Pool<ReceivedRange>) -> InlineArray<4, UInt32> {
        var blocks = InlineArray<4, UInt32>(repeating: noIndex)
        var found = 0
        var index = head
        while index != noIndex {
            let age = changeCount &- ranges.elements[index].change
            var position = found
            while position > 0 && age < changeCount &- ranges.elements[blocks[position &- 1]].change {
                if position < 4 { blocks[position] = blocks[position &- 1] }
                position &-= 1
            }
            if position < limit {
                blocks[position] = index
                found = min(found &+ 1, limit)
            }
            index = ranges.elements[index].next
        }
        for position in max(0, limit)..<4 { blocks[position] = noIndex }
        return blocks
    }

    mutating func clear(_ ranges: inout Pool<ReceivedRange>) {
        while head != noIndex {
            let next = ranges.elements[head].next
            ranges.give(head)
            head = next
        }
        count = 0
    }
}
