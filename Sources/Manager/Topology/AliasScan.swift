/// Finds YAML anchors and aliases before the parser expands them.
///
/// Only tokens can start with `&` or `*` (YAML 1.2.2 §5.3); quoted scalars and comments are skipped. Plain text that
/// holds such a word after a space has to be quoted.
enum AliasScan {
    struct Found: Error { let location: SourceLocation }

    static func refuse(in text: String) throws {
        var quote: Unicode.Scalar?
        var comment = false
        var escaped = false
        var previous: Unicode.Scalar = "\n"
        var (line, column) = (1, 0)
        for scalar in text.unicodeScalars {
            column += 1
            defer { previous = scalar }
            if scalar == "\n" {
                (line, column, comment, escaped) = (line + 1, 0, false, false)
            } else if comment {
                continue
            } else if let open = quote {
                if escaped {
                    escaped = false
                } else if scalar == "\\", open == "\"" {
                    escaped = true
                } else if scalar == open {
                    quote = nil
                }
            } else if startsToken(after: previous) {
                if scalar == "#" { comment = true }
                if scalar == "\"" || scalar == "'" { quote = scalar }
                if scalar == "&" || scalar == "*" { throw Found(location: SourceLocation(line: line, column: column)) }
            } else if scalar == "'", previous == "'" {
                quote = scalar  // '' is a quote inside a single-quoted scalar.
            }
        }
    }

    private static func startsToken(after scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "\t", "\n", "\r", "[", "{", ",": true
        default: false
        }
    }
}
