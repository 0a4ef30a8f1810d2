/// A set of ASCII characters as a bit map; bytes from 0x80 on are never members.
struct CharacterClass: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(always) func contains(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? low : high
        return byte < 128 && (word >> UInt64(byte & 63)) & 1 != 0
    }

    /// tchar, RFC 9110 §5.6.2.
    static var token: CharacterClass { CharacterClass(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE) }
    /// reg-name without its percent signs checked, RFC 3986 §3.2.2.
    static var registeredName: CharacterClass {
        CharacterClass(low: 0x2BFF_7FF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }
    /// pchar and "/", RFC 3986 §3.3: what a path may hold without percent-encoding.
    static var path: CharacterClass { CharacterClass(low: 0x2FFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF) }
}

@inline(always) func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

@inline(always) func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    if isDigit(byte) { return byte &- 0x30 }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
}

/// ASCII characters the grammar names.
enum ASCII {
    static var tab: UInt8 { 0x09 }
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }
    static var quote: UInt8 { 0x22 }
    static var numberSign: UInt8 { 0x23 }
    static var percent: UInt8 { 0x25 }
    static var asterisk: UInt8 { 0x2A }
    static var comma: UInt8 { 0x2C }
    static var hyphen: UInt8 { 0x2D }
    static var period: UInt8 { 0x2E }
    static var slash: UInt8 { 0x2F }
    static var colon: UInt8 { 0x3A }
    static var semicolon: UInt8 { 0x3B }
    static var questionMark: UInt8 { 0x3F }
    static var at: UInt8 { 0x40 }
    static var delete: UInt8 { 0x7F }
}
