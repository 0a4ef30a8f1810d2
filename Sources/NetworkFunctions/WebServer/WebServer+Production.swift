import HTTP1
public import NetworkFunction

/// From responses to the bytes of a segment.
extension WebServer {
    public mutating func produce(
        _ payload: inout MutableRawSpan, at offset: UInt64, on connection: inout Connection, state: inout State
    ) -> Bool {
        let isWhole = unsafe payload.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return true }
            // Safe: the writer does not outlive the closure.
            var writer = unsafe ByteWriter(base, capacity: buffer.count)
            isSequential = offset == state.produced
            guard write(offset, &writer, &state) else { return false }
            state.produced = max(state.produced, offset &+ UInt64(writer.count))
            return true
        }
        if !isWhole {
            // The connection ends here, whether or not `closed` follows.
            counters.truncatedFiles &+= 1
            releaseAll(&state)
        }
        return isWhole
    }

    /// Fills the writer from `offset` of the stream; false if the bytes cannot be had.
    private mutating func write(_ offset: UInt64, _ writer: inout ByteWriter, _ state: inout State) -> Bool {
        guard var index = find(offset, state.cursor, state.first) else { return false }
        while true {
            state.cursor = index
            let position = offset &+ UInt64(writer.count) &- responses[index].start
            if responses[index].usesPreparedHead, cache.entries[responses[index].entry].hasContent {
                writeCached(index, from: position, &writer)
            } else {
                guard write(responses[index], from: position, &writer) else { return false }
            }
            if writer.count == writer.capacity { return true }
            index = responses[index].next
            if index == Response.none { return false }
        }
    }

    /// The response that has the byte at `offset`: mostly the one written last, or the one after it.
    private func find(_ offset: UInt64, _ cursor: UInt32, _ first: UInt32) -> UInt32? {
        var index = cursor
        if index == Response.none || responses[index].start > offset { index = first }
        guard index != Response.none, responses[index].start <= offset else { return nil }
        while responses[index].end <= offset {
            index = responses[index].next
            if index == Response.none { return nil }
        }
        return index
    }

    private mutating func write(_ response: Response, from position: UInt64, _ writer: inout ByteWriter) -> Bool {
        switch response.content {
        case .file, .range, .parts:
            writeHead(response, from: position, &writer)
            if response.isHead || writer.count == writer.capacity { return true }
            let done = max(position, UInt64(response.headByteCount))
            let content = done &- UInt64(response.headByteCount)
            return response.content == .parts
                ? writeParts(response, from: content, &writer)
                : writeRange(
                    response.entry, response.first &+ content, response.contentByteCount &- content, &writer)
        case .status, .redirect, .validators, .interim:
            var whole = scratch.writer()
            writeHead(response, &whole)
            if !response.isHead, response.contentByteCount > 0 { Self.writePage(response.status, &whole) }
            copyScratch(Int(position)..<whole.count, &writer)
            return true
        }
    }

    /// A head and a content that follow one another in the cache, the common case, are one copy.
    private mutating func writeCached(_ index: UInt32, from position: UInt64, _ writer: inout ByteWriter) {
        let entry = responses[index].entry
        let start = Int(cache.entries[entry].head)
        let base = writer.count
        let from = Int(position)
        let count = min(Int(responses[index].byteCount) &- from, writer.capacity &- base)
        writer.append(cache.text.bytes(entry, start &+ from..<start &+ from &+ count))
        let dateStart = max(FileCache.dateOffset, from)
        let dateEnd = min(FileCache.dateOffset &+ HTTPDate.byteCount, from &+ count)
        guard dateStart < dateEnd else { return }
        let text = clock.text(responses[index].date)
        writer.replace(
            at: base &+ dateStart &- from,
            with: text.extracting(dateStart &- FileCache.dateOffset..<dateEnd &- FileCache.dateOffset))
    }

    private mutating func writeHead(_ response: Response, from position: UInt64, _ writer: inout ByteWriter) {
        guard position < UInt64(response.headByteCount) else { return }
        var head = scratch.writer()
        writeHead(response, &head)
        copyScratch(Int(position)..<head.count, &writer)
    }

    private func copyScratch(_ range: Range<Int>, _ writer: inout ByteWriter) {
        let count = min(range.count, writer.capacity &- writer.count)
        writer.append(scratch.bytes(range.lowerBound..<range.lowerBound &+ count))
    }

    /// Bytes of a file, at most `byteCount` of them.
    private mutating func writeRange(
        _ entry: UInt32, _ first: UInt64, _ byteCount: UInt64, _ writer: inout ByteWriter
    ) -> Bool {
        let count = Int(min(byteCount, UInt64(writer.capacity &- writer.count)))
        guard count > 0 else { return true }
        if cache.entries[entry].hasContent {
            let start = cache.entries[entry].content &+ Int(first)
            writer.append(cache.text.bytes(entry, start..<start &+ count))
            return true
        }
        return readAhead.read(cache.entries[entry], first, count, isSequential: isSequential, &writer)
    }

    private mutating func writeParts(
        _ response: Response, from content: UInt64, _ writer: inout ByteWriter
    ) -> Bool {
        let count = parts[response.auxiliary].ranges.count
        var position = content
        var number = 0
        while number < count, parts[response.auxiliary].starts[number &+ 1] <= position { number &+= 1 }
        while number <= count, writer.count < writer.capacity {
            var head = scratch.writer()
            writePartHead(number, response, &head)
            let within = position &- parts[response.auxiliary].starts[number]
            let before = writer.count
            if within < UInt64(head.count) { copyScratch(Int(within)..<head.count, &writer) }
            if number < count, writer.count < writer.capacity {
                let range = parts[response.auxiliary].ranges[number]
                let skipped = max(within, UInt64(head.count)) &- UInt64(head.count)
                guard
                    writeRange(
                        response.entry, range.first &+ skipped, range.byteCount &- skipped, &writer)
                else { return false }
            }
            position &+= UInt64(writer.count &- before)
            number &+= 1
        }
        return true
    }
}
