/// Comparison of entity tags, RFC 9110 §8.8.3.
public enum EntityTag {
    public enum Comparison: Sendable { case weak, strong }

    /// Whether `list` (the value of If-Match or If-None-Match, not "*") has a member that matches `tag`.
    /// - Parameter tag: A strong entity tag with its quotes.
    public static func list(_ list: RawSpan, contains tag: RawSpan, _ comparison: Comparison) -> Bool {
        var members = ListMembers(list, 0..<list.byteCount)
        while let member = members.next() {
            if matches(list.extracting(member), tag, comparison) { return true }
        }
        return false
    }

    /// Whether one entity tag as sent matches `tag`, which is strong.
    public static func matches(_ candidate: RawSpan, _ tag: RawSpan, _ comparison: Comparison) -> Bool {
        var start = 0
        if candidate.byteCount >= 2, candidate.octet(0) == 0x57, candidate.octet(1) == ASCII.slash {
            if comparison == .strong { return false }
            start = 2
        }
        guard candidate.byteCount &- start == tag.byteCount else { return false }
        for index in 0..<tag.byteCount where candidate.octet(start &+ index) != tag.octet(index) { return false }
        return true
    }

    /// Whether `value` is a single entity tag and not a date, as If-Range may hold either (RFC 9110 §13.1.5).
    public static func isEntityTag(_ value: RawSpan) -> Bool {
        guard value.byteCount >= 2 else { return false }
        return value.octet(0) == ASCII.quote || value.octet(1) == ASCII.slash
    }
}
