import HTTP1

/// A request head. What a prefix is found to be stays so when more bytes come: otherwise a request would mean something
/// else depending on how it was cut into segments.
func fuzzHead(_ bytes: [UInt8]) {
    var whole = RequestHead()
    let result = parse(bytes, &whole)
    if result == .complete {
        require(whole.byteCount > 0 && whole.byteCount <= bytes.count, "a head of \(whole.byteCount) bytes")
        // Safe: bytes have no padding.
        let span = unsafe bytes.span.bytes
        for slice in [
            whole.requestLine, whole.path, whole.query, whole.host, whole.fields, whole.ifMatch, whole.ifNoneMatch,
            whole.ifModifiedSince, whole.ifUnmodifiedSince, whole.ifRange, whole.range, whole.userAgent, whole.referer,
        ] where slice.isPresent {
            require(slice.range.upperBound <= whole.byteCount, "a slice beyond the head")
        }
        if whole.path.isPresent { resolve(span, whole.path) }
    }
    for end in cuts(bytes.count) {
        var part = RequestHead()
        let partial = parse(Array(bytes[..<end]), &part)
        if partial == .incomplete { continue }
        require(partial == result, "\(partial) after \(end) bytes, \(result) after \(bytes.count)")
        if partial == .complete {
            require(
                part.byteCount == whole.byteCount && part.path == whole.path
                    && part.contentLength == whole.contentLength && part.flags == whole.flags,
                "another head after \(end) bytes")
        }
    }
}

private func parse(_ bytes: [UInt8], _ head: inout RequestHead) -> HeadResult {
    HeadParser.parse(unsafe bytes.span.bytes, limits: HeadLimits(), into: &head)
}

/// All places to cut a short input at, some of a long one.
private func cuts(_ count: Int) -> StrideTo<Int> { stride(from: 0, to: count, by: max(1, count / 64)) }

/// A plain path leads nowhere above the root: it has no empty segment, no dot segment, and no NUL.
private func resolve(_ request: RawSpan, _ slice: ByteSlice) {
    let capacity = 8_192
    let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
    defer { unsafe memory.deallocate() }
    var scratch = unsafe ByteWriter(memory, capacity: capacity)
    var path = RequestPath()
    guard path.set(request, slice, scratch: &scratch) == nil else { return }
    var plain: [UInt8] = []
    for offset in path.bytes.range {
        let byte =
            path.storage == .request
            ? request.octet(offset) : unsafe memory.load(fromByteOffset: offset, as: UInt8.self)
        plain.append(byte)
    }
    require(!plain.contains(0), "a path with NUL")
    let segments = plain.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for segment in segments where !plain.isEmpty {
        require(!segment.isEmpty, "an empty segment in \(String(decoding: plain, as: UTF8.self))")
        require(
            !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8),
            "a dot segment in \(String(decoding: plain, as: UTF8.self))")
    }
}

/// A chunked body, whole and in two parts: both end in the same way at the same byte.
func fuzzChunked(_ bytes: [UInt8]) {
    var whole = ChunkedDecoder()
    var end = 0
    let outcome = whole.decode(unsafe bytes.span.bytes, at: &end)
    require(end <= bytes.count && whole.byteCount <= UInt64(bytes.count), "\(whole.byteCount) bytes of content")
    for cut in cuts(bytes.count) {
        var decoder = ChunkedDecoder()
        var position = 0
        let first = Array(bytes[..<cut])
        var parts = decoder.decode(unsafe first.span.bytes, at: &position)
        if parts == .incomplete {
            require(position == cut, "bytes left over")
            let second = Array(bytes[cut...])
            var more = 0
            parts = decoder.decode(unsafe second.span.bytes, at: &more)
            position += more
        }
        require(parts == outcome && position == end, "\(parts) at \(position), \(outcome) at \(end), cut at \(cut)")
        require(decoder.byteCount == whole.byteCount, "another length of content")
    }
}

/// Field values: dates, entity tags, ranges.
func fuzzFields(_ bytes: [UInt8]) {
    // Safe: bytes have no padding.
    let value = unsafe bytes.span.bytes
    if let seconds = HTTPDate.parse(value, now: 1_700_000_000) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 1)
        defer { unsafe memory.deallocate() }
        var writer = unsafe ByteWriter(memory, capacity: 64)
        HTTPDate.append(seconds, to: &writer)
        let text = unsafe UnsafeRawBufferPointer(start: memory, count: writer.count).bytes
        require(HTTPDate.parse(text, now: 1_700_000_000) == seconds, "a date that reads back as another")
    }
    let tag: [UInt8] = Array("\"fuzz\"".utf8)
    _ = EntityTag.list(value, contains: unsafe tag.span.bytes, .strong)
    _ = EntityTag.isEntityTag(value)
    for size in [0, 1, 100, UInt64.max] {
        var ranges = ByteRangeSet()
        guard case .satisfiable = ranges.parse(value, size: size) else { continue }
        require(ranges.count > 0, "satisfiable without a range")
        for index in 0..<ranges.count {
            let range = ranges[index]
            require(range.first <= range.last && range.last < size, "a range outside of \(size)")
        }
    }
}
