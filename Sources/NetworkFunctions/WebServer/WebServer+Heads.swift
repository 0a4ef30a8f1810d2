import HTTP1

/// Heads and pages, written from a response's description: the same description gives the same bytes every time.
extension WebServer {
    mutating func headByteCount(_ response: Response) -> Int {
        if response.usesPreparedHead { return Int(cache.entries[response.entry].headByteCount) }
        var writer = scratch.writer()
        writeHead(response, &writer)
        assert(!writer.overflowed, "the scratch memory holds the longest head")
        return writer.count
    }

    mutating func writeHead(_ response: Response, _ writer: inout ByteWriter) {
        if response.content == .interim {
            writer.append("HTTP/1.1 100 Continue\r\n\r\n")
            return
        }
        if response.content == .file {
            writePreparedHead(response, &writer)
        } else {
            writeStatusLine(response, &writer)
            writeContentFields(response, &writer)
        }
        switch response.persistence {
        case .implicit: break
        case .keepAlive: writer.append("Connection: keep-alive\r\n")
        case .close: writer.append("Connection: close\r\n")
        }
        writer.append("\r\n")
    }

    /// The head of the cache without its empty line.
    private mutating func writePreparedHead(_ response: Response, _ writer: inout ByteWriter) {
        let entry = cache.entries[response.entry]
        let head = Int(entry.head)
        writer.append(cache.text.bytes(response.entry, head..<head &+ Int(entry.headByteCount) &- 2))
        writer.replace(at: FileCache.dateOffset, with: clock.text(response.date))
    }

    private mutating func writeStatusLine(_ response: Response, _ writer: inout ByteWriter) {
        writer.append("HTTP/1.1 ")
        writer.append(decimal: Int(response.status.rawValue), digits: 3)
        writer.append(" ")
        writer.append(response.status.reason)
        writer.append("\r\nDate: ")
        writer.append(clock.text(response.date))
        writer.append("\r\nServer: onvm\r\n")
    }

    private func writeContentFields(_ response: Response, _ writer: inout ByteWriter) {
        switch response.content {
        case .status:
            if response.status == .methodNotAllowed || response.status == .noContent {
                writer.append("Allow: GET, HEAD, OPTIONS\r\n")
            }
            if response.status == .serviceUnavailable { writer.append("Retry-After: 1\r\n") }
            writePageFields(response, &writer)
        case .redirect:
            writeLocation(response, &writer)
            writePageFields(response, &writer)
        case .validators:
            writer.append(validators(response))
            if response.status == .rangeNotSatisfiable {
                writer.append("Content-Range: bytes */")
                writer.append(decimal: cache.entries[response.entry].size)
                writer.append("\r\n")
            }
            if response.status != .notModified { writePageFields(response, &writer) }
        case .range:
            writer.append("Content-Type: ")
            writer.append(mediaType(response))
            writer.append("\r\nContent-Range: ")
            let last = response.first &+ response.contentByteCount &- 1
            writeRange(ByteRange(first: response.first, last: last), response, &writer)
            writer.append("\r\n")
            writer.append(validators(response))
            writeLength(response, &writer)
        case .parts:
            writer.append("Content-Type: multipart/byteranges; boundary=")
            writer.append(hexadecimal: parts[response.auxiliary].boundary, digits: 16)
            writer.append("\r\n")
            writer.append(validators(response))
            writeLength(response, &writer)
        case .file, .interim: break
        }
    }

    private func writePageFields(_ response: Response, _ writer: inout ByteWriter) {
        guard !response.status.hasNoContent else { return }
        writer.append("Content-Type: text/html; charset=utf-8\r\n")
        writeLength(response, &writer)
    }

    private func writeLength(_ response: Response, _ writer: inout ByteWriter) {
        writer.append("Content-Length: ")
        writer.append(decimal: response.contentByteCount)
        writer.append("\r\n")
    }

    /// A path and never an authority: it starts with one slash, and backslashes are encoded.
    private func writeLocation(_ response: Response, _ writer: inout ByteWriter) {
        writer.append("Location: /")
        let count = Int(cache.entries[response.entry].pathByteCount)
        writer.append(percentEncoding: cache.text.bytes(response.entry, 0..<count))
        writer.append("/")
        if response.auxiliary != Response.none {
            writer.append(queries.bytes(response.auxiliary, 0..<Int(response.queryByteCount)))
        }
        writer.append("\r\n")
    }

    private func writeRange(_ range: ByteRange, _ response: Response, _ writer: inout ByteWriter) {
        writer.append("bytes ")
        writer.append(decimal: range.first)
        writer.append("-")
        writer.append(decimal: range.last)
        writer.append("/")
        writer.append(decimal: cache.entries[response.entry].size)
    }

    @_lifetime(borrow self)
    private func validators(_ response: Response) -> RawSpan {
        cache.text.bytes(response.entry, cache.entries[response.entry].validators.range)
    }

    @_lifetime(borrow self)
    private func mediaType(_ response: Response) -> RawSpan {
        cache.text.bytes(response.entry, cache.entries[response.entry].mediaType.range)
    }

    // MARK: Pages

    func setStatusContent(_ response: inout Response) {
        response.contentByteCount = UInt64(Self.pageByteCount(response.status))
    }

    static func pageByteCount(_ status: Status) -> Int {
        guard !status.hasNoContent else { return 0 }
        return pageStart.utf8CodeUnitCount + pageMiddle.utf8CodeUnitCount + pageEnd.utf8CodeUnitCount
            + 2 * (4 + status.reason.utf8CodeUnitCount)
    }

    private static var pageStart: StaticString {
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>"
    }
    private static var pageMiddle: StaticString { "</title></head>\n<body><h1>" }
    private static var pageEnd: StaticString { "</h1></body></html>\n" }

    static func writePage(_ status: Status, _ writer: inout ByteWriter) {
        guard !status.hasNoContent else { return }
        writer.append(pageStart)
        writeName(status, &writer)
        writer.append(pageMiddle)
        writeName(status, &writer)
        writer.append(pageEnd)
    }

    private static func writeName(_ status: Status, _ writer: inout ByteWriter) {
        writer.append(decimal: Int(status.rawValue), digits: 3)
        writer.append(" ")
        writer.append(status.reason)
    }

    // MARK: Parts

    /// Boundary and head of a part (RFC 9110 §14.6), or the boundary that ends the last one.
    func writePartHead(_ number: Int, _ response: Response, _ writer: inout ByteWriter) {
        writer.append("\r\n--")
        writer.append(hexadecimal: parts[response.auxiliary].boundary, digits: 16)
        guard number < parts[response.auxiliary].ranges.count else {
            writer.append("--\r\n")
            return
        }
        writer.append("\r\nContent-Type: ")
        writer.append(mediaType(response))
        writer.append("\r\nContent-Range: ")
        writeRange(parts[response.auxiliary].ranges[number], response, &writer)
        writer.append("\r\n\r\n")
    }

    /// Finds where each part starts; returns the length of all.
    mutating func layOutParts(_ response: Response) -> UInt64 {
        var offset: UInt64 = 0
        let count = parts[response.auxiliary].ranges.count
        for number in 0...count {
            parts[response.auxiliary].starts[number] = offset
            var writer = scratch.writer()
            writePartHead(number, response, &writer)
            offset &+= UInt64(writer.count)
            if number < count { offset &+= parts[response.auxiliary].ranges[number].byteCount }
        }
        return offset
    }
}

extension Response {
    /// The cached head fits as it is but for the date.
    var usesPreparedHead: Bool { content == .file && persistence == .implicit }
}
