extension String {
    /// With everything escaped that would move a cursor, colour a terminal, end a line or turn the order of what is
    /// read: for text that a client, a file or an NF had a hand in. `kept` stays as it is.
    public func escapingControls(keeping kept: Unicode.Scalar? = nil) -> String {
        escapingControls(keeping: kept) { scalar in
            let digits = String(scalar.value, radix: 16)
            return scalar.value < 0x100 ? "\\x" + (digits.count < 2 ? "0" : "") + digits : "\\u{\(digits)}"
        }
    }

    /// The same for JSON text: it stays the same JSON.
    public var escapingControlsOfJSON: String {
        escapingControls(keeping: "\n") { scalar in
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }

    private func escapingControls(
        keeping kept: Unicode.Scalar?, _ escaped: (Unicode.Scalar) -> String
    ) -> String {
        guard unicodeScalars.contains(where: { $0.isControl && $0 != kept }) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isControl && scalar != kept {
                text += escaped(scalar)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var isControl: Bool {
        switch value {
        // C0, DEL and C1.
        case 0x00...0x1F, 0x7F...0x9F: true
        // Ends of lines and paragraphs.
        case 0x2028, 0x2029: true
        // What turns the direction of text (Unicode Standard Annex 9).
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
