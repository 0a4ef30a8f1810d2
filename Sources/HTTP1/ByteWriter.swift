/// Appends text to memory that someone else owns. Never writes past its capacity: what does not fit is left out, and
/// `overflowed` says so.
@safe public struct ByteWriter {
    @usableFromInline let base: UnsafeMutableRawPointer
    public let capacity: Int
    @usableFromInline var writtenCount = 0
    public var count: Int { @inlinable get { writtenCount } }
    public internal(set) var overflowed = false

    /// - Precondition: `base` is valid for `capacity` bytes for as long as the writer is used.
    @unsafe public init(_ base: UnsafeMutableRawPointer, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
    }

    private mutating func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount <= capacity &- count else {
            overflowed = true
            return nil
        }
        defer { writtenCount &+= byteCount }
        // Safe: count + byteCount <= capacity.
        return unsafe base + count
    }

    public mutating func append(_ text: StaticString) {
        guard let target = unsafe reserve(text.utf8CodeUnitCount) else { return }
        // Safe: both sides hold utf8CodeUnitCount bytes.
        unsafe target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }

    public mutating func append(octet: UInt8) {
        guard let target = unsafe reserve(1) else { return }
        // Safe: one byte was reserved.
        unsafe target.storeBytes(of: octet, as: UInt8.self)
    }

    public mutating func append(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress, let target = unsafe reserve(source.count) else { return }
            // Safe: both sides hold source.count bytes; the caller's span is not this writer's memory.
            unsafe target.copyMemory(from: start, byteCount: source.count)
        }
    }

    public mutating func append(decimal value: UInt64) {
        let digits = Self.decimalDigitCount(value)
        guard let target = unsafe reserve(digits) else { return }
        var rest = value
        for index in stride(from: digits &- 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            // Safe: index < digits, which were reserved.
            unsafe target.storeBytes(of: 0x30 &+ UInt8(truncatingIfNeeded: digit), toByteOffset: index, as: UInt8.self)
            rest = quotient
        }
    }

    /// `value` in exactly `digits` decimal digits, for dates.
    public mutating func append(decimal value: Int, digits: Int) {
        guard let target = unsafe reserve(digits) else { return }
        var rest = value
        for index in stride(from: digits &- 1, through: 0, by: -1) {
            // Safe: index < digits, which were reserved.
            unsafe target.storeBytes(
                of: 0x30 &+ UInt8(truncatingIfNeeded: rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
    }

    /// Lowercase hexadecimal without leading zeros.
    public mutating func append(hexadecimal value: UInt64) {
        let digits = max(1, (67 &- value.leadingZeroBitCount) / 4)
        append(hexadecimal: value, digits: digits)
    }

    public mutating func append(hexadecimal value: UInt64, digits: Int) {
        for index in stride(from: digits &- 1, through: 0, by: -1) {
            append(octet: Self.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(index &* 4)) & 15))
        }
    }

    static func hexadecimalDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x57 &+ value }

    public static func decimalDigitCount(_ value: UInt64) -> Int {
        var digits = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            digits &+= 1
        }
        return digits
    }

    /// Forgets everything from `count` on.
    public mutating func truncate(to count: Int) {
        precondition(count <= self.count)
        writtenCount = count
        overflowed = false
    }
}
