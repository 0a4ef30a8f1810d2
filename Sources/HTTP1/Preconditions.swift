/// What a representation is known by.
public struct Validators: ~Escapable {
    /// Strong, with quotes.
    public let entityTag: RawSpan
    /// Seconds since 1970.
    public let modified: Int64
    public let now: Int64

    @_lifetime(copy entityTag)
    public init(entityTag: RawSpan, modified: Int64, now: Int64) {
        self.entityTag = entityTag
        self.modified = modified
        self.now = now
    }
}

extension RequestHead {
    public enum Precondition: Sendable { case proceed, notModified, failed }

    /// Evaluates the conditional fields in the order of RFC 9110 §13.2.2, without Range.
    /// - Parameter bytes: The span this head was parsed from.
    public func precondition(_ bytes: RawSpan, _ validators: borrowing Validators) -> Precondition {
        if ifMatch.isPresent {
            if !entityTags(
                bytes, ifMatch, flags.contains(.repeatedIfMatch), "if-match", validators.entityTag, .strong)
            {
                return .failed
            }
        } else if ifUnmodifiedSince.isPresent,
            let date = HTTPDate.parse(bytes.extracting(ifUnmodifiedSince), now: validators.now),
            validators.modified > date
        {
            return .failed
        }
        let isRead = method == .get || method == .head
        if ifNoneMatch.isPresent {
            if entityTags(
                bytes, ifNoneMatch, flags.contains(.repeatedIfNoneMatch), "if-none-match", validators.entityTag, .weak)
            {
                return isRead ? .notModified : .failed
            }
        } else if isRead, ifModifiedSince.isPresent,
            let date = HTTPDate.parse(bytes.extracting(ifModifiedSince), now: validators.now),
            validators.modified <= date
        {
            return .notModified
        }
        return .proceed
    }

    /// Whether a Range may be honoured: no If-Range, or one that still holds (RFC 9110 §13.1.5).
    public func rangeIsCurrent(_ bytes: RawSpan, _ validators: borrowing Validators) -> Bool {
        guard ifRange.isPresent else { return true }
        let value = bytes.extracting(ifRange)
        if EntityTag.isEntityTag(value) { return EntityTag.matches(value, validators.entityTag, .strong) }
        guard let date = HTTPDate.parse(value, now: validators.now) else { return false }
        // A date is a strong validator only once its second is over (RFC 9110 §8.8.2.2).
        return date == validators.modified && validators.modified < validators.now
    }

    /// Whether one of the lines of a list of entity tags is "*" or holds `tag`.
    private func entityTags(
        _ bytes: RawSpan, _ first: ByteSlice, _ isRepeated: Bool, _ name: StaticString, _ tag: RawSpan,
        _ comparison: EntityTag.Comparison
    ) -> Bool {
        if matchesTags(bytes.extracting(first), tag, comparison) { return true }
        guard isRepeated else { return false }
        var lines = FieldLines(bytes, fields)
        while let line = lines.next() {
            guard bytes.matches(name, in: line.name.range) else { continue }
            if matchesTags(bytes.extracting(line.value), tag, comparison) { return true }
        }
        return false
    }

    private func matchesTags(_ value: RawSpan, _ tag: RawSpan, _ comparison: EntityTag.Comparison) -> Bool {
        if value.byteCount == 1, value.octet(0) == ASCII.asterisk { return true }
        return EntityTag.list(value, contains: tag, comparison)
    }
}

/// The lines of a field section that the parser accepted.
struct FieldLines: ~Escapable {
    let bytes: RawSpan
    var position: Int
    let end: Int

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, _ fields: ByteSlice) {
        self.bytes = bytes
        position = fields.range.lowerBound
        end = fields.range.upperBound
    }

    mutating func next() -> (name: ByteSlice, value: ByteSlice)? {
        guard position < end else { return nil }
        let start = position
        while bytes.octet(position) != ASCII.colon { position &+= 1 }
        let name = ByteSlice(start, position)
        position &+= 1
        var first = position
        while bytes.octet(position) != ASCII.carriageReturn { position &+= 1 }
        var last = position
        position &+= 2
        while first < last, bytes.octet(first) <= ASCII.space { first &+= 1 }
        while last > first, bytes.octet(last &- 1) <= ASCII.space { last &-= 1 }
        return (name, ByteSlice(first, last))
    }
}
