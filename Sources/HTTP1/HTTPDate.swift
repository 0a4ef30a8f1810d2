/// Dates of HTTP, RFC 9110 §5.6.7, as seconds since 1970-01-01 00:00:00 UTC.
public enum HTTPDate {
    public static var byteCount: Int { 29 }

    /// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is sent.
    public static func append(_ seconds: Int64, to writer: inout ByteWriter) {
        let time = CivilTime(seconds)
        writer.append(name(of: time.weekday, in: "SunMonTueWedThuFriSat"))
        writer.append(", ")
        writer.append(decimal: time.day, digits: 2)
        writer.append(octet: ASCII.space)
        writer.append(name(of: time.month &- 1, in: monthNames))
        writer.append(octet: ASCII.space)
        writer.append(decimal: time.year, digits: 4)
        writer.append(octet: ASCII.space)
        writer.append(decimal: time.hour, digits: 2)
        writer.append(octet: ASCII.colon)
        writer.append(decimal: time.minute, digits: 2)
        writer.append(octet: ASCII.colon)
        writer.append(decimal: time.second, digits: 2)
        writer.append(" GMT")
    }

    /// "10/Oct/2000:13:55:36 +0000", the form of access logs.
    public static func appendLogForm(_ seconds: Int64, to writer: inout ByteWriter) {
        let time = CivilTime(seconds)
        writer.append(decimal: time.day, digits: 2)
        writer.append(octet: ASCII.slash)
        writer.append(name(of: time.month &- 1, in: monthNames))
        writer.append(octet: ASCII.slash)
        writer.append(decimal: time.year, digits: 4)
        writer.append(octet: ASCII.colon)
        writer.append(decimal: time.hour, digits: 2)
        writer.append(octet: ASCII.colon)
        writer.append(decimal: time.minute, digits: 2)
        writer.append(octet: ASCII.colon)
        writer.append(decimal: time.second, digits: 2)
        writer.append(" +0000")
    }

    static var monthNames: StaticString { "JanFebMarAprMayJunJulAugSepOctNovDec" }

    private static func name(of index: Int, in names: StaticString) -> ThreeLetters {
        // Safe: indices are of weekdays and months, three letters each.
        unsafe ThreeLetters(
            first: names.utf8Start[index &* 3], second: names.utf8Start[index &* 3 &+ 1],
            third: names.utf8Start[index &* 3 &+ 2])
    }
}

struct ThreeLetters {
    let first: UInt8
    let second: UInt8
    let third: UInt8
}

extension ByteWriter {
    mutating func append(_ letters: ThreeLetters) {
        append(octet: letters.first)
        append(octet: letters.second)
        append(octet: letters.third)
    }
}

/// A point in UTC by the proleptic Gregorian calendar.
struct CivilTime {
    var year: Int
    var month: Int
    var day: Int
    var hour = 0
    var minute = 0
    var second = 0
    /// Sunday is 0.
    var weekday = 0

    /// Era arithmetic on years that start in March, so that the leap day is the last; H. Hinnant, "chrono-Compatible
    /// Low-Level Date Algorithms".
    init(_ seconds: Int64) {
        let days = Int((seconds >= 0 ? seconds : seconds - 86_399) / 86_400)
        let time = Int(seconds) - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        hour = time / 3600
        minute = time / 60 % 60
        second = time % 60
        weekday = ((days % 7) + 11) % 7
    }

    init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// Nil if a part is out of its range. A leap second counts as the second after it.
    var seconds: Int64? {
        guard (1...12).contains(month), day >= 1, day <= dayCount, hour < 24, minute < 60, second <= 60 else {
            return nil
        }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    private var dayCount: Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
