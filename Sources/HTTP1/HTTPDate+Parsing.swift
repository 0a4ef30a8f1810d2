extension HTTPDate {
    /// Reads any of the three forms a recipient must accept, RFC 9110 §5.6.7; nil for anything else.
    /// - Parameter now: Decides the century of the two-digit year of the RFC 850 form.
    public static func parse(_ bytes: RawSpan, now: Int64) -> Int64? {
        var reader = DateReader(bytes)
        if bytes.byteCount == byteCount, bytes.octet(3) == ASCII.comma { return reader.fixedDate() }
        if bytes.byteCount == 24, bytes.octet(3) == ASCII.space { return reader.asctimeDate() }
        return reader.rfc850Date(now: now)
    }
}

/// Takes the parts of a date from the front; a part that is not as expected fails the whole date.
private struct DateReader: ~Escapable {
    let bytes: RawSpan
    var position = 0
    var failed = false

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    /// "Sun, 06 Nov 1994 08:49:37 GMT"
    mutating func fixedDate() -> Int64? {
        weekday(letters: 3)
        text(", ")
        let day = number(2)
        text(" ")
        let month = month()
        text(" ")
        let year = number(4)
        text(" ")
        let (hour, minute, second) = time()
        text(" GMT")
        return result(year, month, day, hour, minute, second)
    }

    /// "Sunday, 06-Nov-94 08:49:37 GMT"
    mutating func rfc850Date(now: Int64) -> Int64? {
        var letters = 0
        while letters < min(bytes.byteCount, 10), bytes.octet(letters) != ASCII.comma { letters &+= 1 }
        weekday(letters: letters)
        text(", ")
        let day = number(2)
        text("-")
        let month = month()
        text("-")
        let shortYear = number(2)
        text(" ")
        let (hour, minute, second) = time()
        text(" GMT")
        // More than 50 years ahead means the past century (RFC 9110 §5.6.7).
        let thisYear = CivilTime(now).year
        var year = thisYear - thisYear % 100 + shortYear
        if year > thisYear + 50 { year -= 100 }
        return result(year, month, day, hour, minute, second)
    }

    /// "Sun Nov  6 08:49:37 1994"
    mutating func asctimeDate() -> Int64? {
        weekday(letters: 3)
        text(" ")
        let month = month()
        text(" ")
        let day: Int
        if position < bytes.byteCount, bytes.octet(position) == ASCII.space {
            position &+= 1
            day = number(1)
        } else {
            day = number(2)
        }
        text(" ")
        let (hour, minute, second) = time()
        text(" ")
        let year = number(4)
        return result(year, month, day, hour, minute, second)
    }

    private func result(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) -> Int64? {
        guard !failed, position == bytes.byteCount else { return nil }
        return CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second).seconds
    }

    private mutating func text(_ expected: StaticString) {
        let end = position &+ expected.utf8CodeUnitCount
        guard !failed, end <= bytes.byteCount, bytes.equals(expected, in: position..<end) else {
            failed = true
            return
        }
        position = end
    }

    /// Its letters are checked, not whether it is the right day: it is redundant.
    private mutating func weekday(letters: Int) {
        let names: StaticString = "SundayMondayTuesdayWednesdayThursdayFridaySaturday"
        var start = 0
        for day in 0..<7 {
            let length = Self.weekdayLength(day)
            if letters == 3 || letters == length, position &+ letters <= bytes.byteCount {
                var index = 0
                // Safe: start + index stays within this weekday's letters.
                while index < letters, bytes.octet(position &+ index) == (unsafe names.utf8Start[start &+ index]) {
                    index &+= 1
                }
                if index == letters {
                    position &+= letters
                    return
                }
            }
            start &+= length
        }
        failed = true
    }

    private static func weekdayLength(_ index: Int) -> Int {
        switch index {
        case 2: 7
        case 3: 9
        case 4, 6: 8
        default: 6
        }
    }

    private mutating func month() -> Int {
        for index in 0..<12 where !failed && position &+ 3 <= bytes.byteCount {
            var matched = 0
            // Safe: index * 3 + matched < 36, the length of the names.
            while matched < 3,
                bytes.octet(position &+ matched) == (unsafe HTTPDate.monthNames.utf8Start[index &* 3 &+ matched])
            { matched &+= 1 }
            if matched == 3 {
                position &+= 3
                return index &+ 1
            }
        }
        failed = true
        return 0
    }

    private mutating func time() -> (Int, Int, Int) {
        let hour = number(2)
        text(":")
        let minute = number(2)
        text(":")
        return (hour, minute, number(2))
    }

    private mutating func number(_ digits: Int) -> Int {
        guard !failed, position &+ digits <= bytes.byteCount else {
            failed = true
            return 0
        }
        var value = 0
        for _ in 0..<digits {
            let byte = bytes.octet(position)
            guard isDigit(byte) else {
                failed = true
                return 0
            }
            value = value &* 10 &+ Int(byte &- 0x30)
            position &+= 1
        }
        return value
    }
}
