import CYaml

/// Finds YAML anchors and aliases before the composer expands them, and nesting that no topology has.
///
/// It reads the events of the same parser (libyaml, which Yams carries): what is an alias is then no question of a
/// second opinion. The work is in proportion to the text. Yams itself gives its events to nobody.
enum AliasScan {
    struct Found: Error {
        let problem: String
        let location: SourceLocation
    }

    /// Sequences and mappings within each other.
    static let depthLimit = 32

    /// - Throws: `Found`. Text that is no YAML passes: the composer says what is wrong with it.
    static func refuse(in text: String) throws {
        var text = text
        try text.withUTF8 { bytes in
            var parser = unsafe yaml_parser_t()
            guard unsafe yaml_parser_initialize(&parser) == 1 else { return }
            defer { unsafe yaml_parser_delete(&parser) }
            unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            unsafe yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            var depth = 0
            while let event = unsafe nextEvent(&parser) {
                if event.hasAnchor {
                    throw Found(problem: "YAML anchors and aliases are not accepted", location: event.location)
                }
                depth += event.nesting
                guard depth <= depthLimit else {
                    throw Found(problem: "more than \(depthLimit) levels of nesting", location: event.location)
                }
                if event.isLast { return }
            }
        }
    }

    private struct Event {
        var hasAnchor = false
        var nesting = 0
        var isLast = false
        var location: SourceLocation
    }

    /// The next event; nil where the text is no YAML.
    private static func nextEvent(_ parser: inout yaml_parser_t) -> Event? {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(&parser, &event) == 1 else { return nil }
        defer { unsafe yaml_event_delete(&event) }
        var result = unsafe Event(
            location: SourceLocation(line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1))
        switch unsafe event.type {
        case YAML_ALIAS_EVENT: result.hasAnchor = true
        case YAML_SCALAR_EVENT: result.hasAnchor = unsafe event.data.scalar.anchor != nil
        case YAML_SEQUENCE_START_EVENT:
            result.hasAnchor = unsafe event.data.sequence_start.anchor != nil
            result.nesting = 1
        case YAML_MAPPING_START_EVENT:
            result.hasAnchor = unsafe event.data.mapping_start.anchor != nil
            result.nesting = 1
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: result.nesting = -1
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: result.isLast = true
        default: break
        }
        return result
    }
}
