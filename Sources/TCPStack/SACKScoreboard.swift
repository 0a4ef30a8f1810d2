/// What is known about every sequence number between SND.UNA and SND.NXT (RFC 6675 §3): an ordered list of ranges, each
/// sent at one time. Neighbours of one kind are merged, so its length follows the number of holes and of bursts.
struct SACKScoreboard: BitwiseCopyable {
    private(set) var head = noIndex
    private(set) var tail = noIndex
    private(set) var sackedByteCount: UInt32 = 0
    private(set) var lostByteCount: UInt32 = 0
    /// No range from here on was retransmitted, so later ranges were sent later.
    private(set) var retransmittedEnd = SequenceNumber(0)

    typealias Records = Pool<Transmission>

    var isEmpty: Bool { head == noIndex }

    /// Notes that `byteCount` new sequence numbers were sent. False when there is no record for them.
    mutating func append(
        _ start: SequenceNumber, _ byteCount: UInt32, at now: Instant, in records: inout Records
    ) -> Bool {
        if tail != noIndex {
            let last = records.elements[tail]
            if last.end == start && last.sentAt == now.nanoseconds && last.marks.isEmpty {
                records.elements[tail].end += byteCount
                return true
            }
        }
        guard let index = takeRecord(&records) else {
            guard tail != noIndex else { return false }
            extendUntimed(byteCount, at: now, in: records)
            return true
        }
        records.elements[index] = Transmission(
            previous: tail, start: start, end: start + byteCount, sentAt: now.nanoseconds)
        if tail == noIndex {
            head = index
            retransmittedEnd = start
        } else {
            records.elements[tail].next = index
        }
        tail = index
        return true
    }

    /// A list's first record may take the last free ones; others leave one for every connection that has none.
    private func takeRecord(_ records: inout Records) -> UInt32? {
        tail == noIndex || records.freeCount > records.reserve ? records.take() : nil
    }

    private mutating func extendUntimed(_ byteCount: UInt32, at now: Instant, in records: borrowing Records) {
        let last = records.elements[tail]
        if last.marks.contains(.sacked) { sackedByteCount &-= last.byteCount }
        if last.marks.contains(.lost) { lostByteCount &-= last.byteCount }
        records.elements[tail].end += byteCount
        records.elements[tail].sentAt = now.nanoseconds
        records.elements[tail].marks = .untimed
    }

    /// Drops what lies below `acknowledgment`, telling `delivery` what was not known to be delivered before.
    mutating func acknowledge(
        _ acknowledgment: SequenceNumber, in records: inout Records, _ delivery: inout Delivery
    ) {
        while head != noIndex {
            let record = records.elements[head]
            guard record.start < acknowledgment else { break }
            let end = SequenceNumber.earliest(record.end, acknowledgment)
            let count = end - record.start
            if record.marks.contains(.sacked) {
                sackedByteCount &-= count
            } else {
                if record.marks.contains(.lost) { lostByteCount &-= count }
                delivery.add(record, end: end, count: count)
            }
            if record.marks.contains(.retransmitted) { delivery.isAmbiguous = true }
            if end == record.end {
                let next = record.next
                records.give(head)
                head = next
                if next == noIndex { tail = noIndex } else { records.elements[next].previous = noIndex }
            } else {
                records.elements[head].start = end
            }
        }
        if retransmittedEnd < acknowledgment { retransmittedEnd = acknowledgment }
    }

    /// Marks `start..<end` as received by the peer.
    mutating func sack(
        _ start: SequenceNumber, _ end: SequenceNumber, in records: inout Records, _ delivery: inout Delivery
    ) {
        var index = head
        while index != noIndex {
            let record = records.elements[index]
            if record.start >= end { return }
            if record.end <= start || record.marks.contains(.sacked) {
                index = record.next
                continue
            }
            if record.start < start {
                // The part before the block stays as it is.
                guard split(index, at: start, in: &records) else { return }
                index = records.elements[index].next
                continue
            }
            if record.end > end { guard split(index, at: end, in: &records) else { return } }
            markSacked(index, in: records, &delivery)
            index = mergeSacked(index, in: &records)
        }
    }

    private mutating func markSacked(_ index: UInt32, in records: borrowing Records, _ delivery: inout Delivery) {
        let record = records.elements[index]
        sackedByteCount &+= record.byteCount
        if record.marks.contains(.lost) { lostByteCount &-= record.byteCount }
        delivery.add(record, end: record.end, count: record.byteCount)
        delivery.isSelective = true
        records.elements[index].marks.remove(.lost)
        records.elements[index].marks.insert(.sacked)
    }

    /// Joins a sacked range with sacked neighbours; returns what follows it.
    private mutating func mergeSacked(_ index: UInt32, in records: inout Records) -> UInt32 {
        var index = index
        let previous = records.elements[index].previous
        if previous != noIndex && records.elements[previous].marks.contains(.sacked) {
            records.elements[previous].end = records.elements[index].end
            remove(index, in: &records)
            index = previous
        }
        let next = records.elements[index].next
        if next != noIndex && records.elements[next].marks.contains(.sacked) {
            records.elements[index].end = records.elements[next].end
            remove(next, in: &records)
        }
        return records.elements[index].next
    }

    /// Cuts a record in two at `position`, which lies inside it. False when there is no record left.
    private mutating func split(_ index: UInt32, at position: SequenceNumber, in records: inout Records) -> Bool {
        guard records.freeCount > records.reserve, let second = records.take() else { return false }
        var record = records.elements[index]
        record.start = position
        record.previous = index
        records.elements[second] = record
        if record.next == noIndex { tail = second } else { records.elements[record.next].previous = second }
        records.elements[index].end = position
        records.elements[index].next = second
        return true
    }

    private mutating func remove(_ index: UInt32, in records: inout Records) {
        let record = records.elements[index]
        if record.previous == noIndex {
            head = record.next
        } else {
            records.elements[record.previous].next = record.next
        }
        if record.next == noIndex {
            tail = record.previous
        } else {
            records.elements[record.next].previous = record.previous
        }
        records.give(index)
    }

    mutating func markLost(_ index: UInt32, in records: borrowing Records) {
        guard !records.elements[index].marks.contains(.lost) else { return }
        lostByteCount &+= records.elements[index].byteCount
        records.elements[index].marks.insert(.lost)
    }

    /// Marks the first `byteCount` sequence numbers lost: what NewReno (RFC 6582 §3.2) knows without SACK.
    mutating func markFirstLost(_ byteCount: UInt32, in records: inout Records) {
        guard head != noIndex, !records.elements[head].marks.contains(.sacked) else { return }
        if records.elements[head].byteCount > byteCount {
            _ = split(head, at: records.elements[head].start + byteCount, in: &records)
        }
        markLost(head, in: records)
    }

    /// The first range that is lost and was not sent again.
    func firstLost(in records: borrowing Records) -> UInt32? {
        guard lostByteCount > 0 else { return nil }
        var index = head
        while index != noIndex && !records.elements[index].marks.contains(.lost) {
            index = records.elements[index].next
        }
        return index == noIndex ? nil : index
    }

    /// Notes that the first `byteCount` sequence numbers of a record were sent again.
    mutating func retransmit(_ index: UInt32, _ byteCount: UInt32, at now: Instant, in records: inout Records) {
        if records.elements[index].byteCount > byteCount {
            // Without a record the whole range counts as sent again; its rest is found lost once more later.
            _ = split(index, at: records.elements[index].start + byteCount, in: &records)
        }
        if records.elements[index].marks.contains(.lost) {
            lostByteCount &-= records.elements[index].byteCount
            records.elements[index].marks.remove(.lost)
        }
        records.elements[index].marks.insert(.retransmitted)
        records.elements[index].sentAt = now.nanoseconds
        let end = records.elements[index].end
        if retransmittedEnd < end { retransmittedEnd = end }
        joinRetransmitted(index, in: &records)
    }

    /// Ranges sent again at one time become one record.
    private mutating func joinRetransmitted(_ index: UInt32, in records: inout Records) {
        let record = records.elements[index]
        guard record.previous != noIndex else { return }
        let previous = records.elements[record.previous]
        guard previous.marks == record.marks, previous.sentAt == record.sentAt, previous.end == record.start else {
            return
        }
        records.elements[record.previous].end = record.end
        remove(index, in: &records)
    }

    /// The last `byteCount` sequence numbers as a record of their own; the whole last record when there is none free.
    mutating func cutTail(_ byteCount: UInt32, in records: inout Records) -> UInt32? {
        guard tail != noIndex else { return nil }
        let record = records.elements[tail]
        if record.byteCount > byteCount { _ = split(tail, at: record.end - byteCount, in: &records) }
        return tail
    }

    /// The peer may have discarded what it reported (RFC 2018 §8): forget it, as a timeout demands.
    mutating func forgetSacked(in records: borrowing Records) {
        guard sackedByteCount > 0 else { return }
        sackedByteCount = 0
        var index = head
        while index != noIndex {
            records.elements[index].marks.remove(.sacked)
            index = records.elements[index].next
        }
    }

    /// Nothing is lost after all.
    mutating func forgetLost(in records: Table<Transmission>) {
        var index = head
        while index != noIndex && lostByteCount > 0 {
            if records[index].marks.contains(.lost) {
                records[index].marks.remove(.lost)
                lostByteCount &-= records[index].byteCount
            }
            index = records[index].next
        }
    }

    /// Everything not received is to be sent again.
    mutating func markAllLost(in records: Table<Transmission>) {
        var index = head
        while index != noIndex {
            if records[index].marks.isDisjoint(with: .sacked | .lost) {
                records[index].marks.insert(.lost)
                lostByteCount &+= records[index].byteCount
            }
            index = records[index].next
        }
    }

    mutating func clear(_ records: inout Records) {
        while head != noIndex {
            let next = records.elements[head].next
            records.give(head)
            head = next
        }
        tail = noIndex
        sackedByteCount = 0
        lostByteCount = 0
    }
}

/// What one acknowledgment says was delivered that was not known to be.
struct Delivery {
    var byteCount: UInt32 = 0
    var isSelective = false
    /// What is acknowledged was sent twice in part. The rest may have waited at the peer for that part, so that its age
    /// tells nothing about the round trip either.
    var isAmbiguous = false
    /// When the earliest and the latest of the segments sent once were sent: RTT samples (Karn's algorithm).
    var earliestSentAt = UInt64.max
    var latestSentAt: UInt64 = 0
    var rack: RACK
    let now: Instant
    let echo: TimestampEcho?
    let minimumRoundTrip: UInt64

    @inline(__always)
    mutating func add(_ record: Transmission, end: SequenceNumber, count: UInt32) {
        byteCount &+= count
        if record.marks.isDisjoint(with: .retransmitted | .untimed) {
            earliestSentAt = min(earliestSentAt, record.sentAt)
            latestSentAt = max(latestSentAt, record.sentAt)
        }
        rack.deliver(record, end: end, at: now, echo: echo, minimumRoundTrip: minimumRoundTrip)
    }
}
