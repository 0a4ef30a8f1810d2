extension StringProtocol {
    /// The text as one may show it on a terminal and in a line of a log. Control characters, which could move the cursor
    /// or end the line, are written as `\u{1B}`, and so are those that turn the direction of writing (UAX 9).
    public func printable(limit: Int = 512) -> String {
        var text = ""
        var count = 0
        for scalar in unicodeScalars {
            count += 1
            guard count <= limit else { return text + "…" }
            if Self.isHarmless(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            }
        }
        return text
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
