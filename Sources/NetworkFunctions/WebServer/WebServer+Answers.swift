import HTTP1

/// From requests to responses.
extension WebServer {
    /// Completes the response to a request, with the resources it needs retained.
    mutating func answer(_ head: RequestHead, _ bytes: RawSpan, _ now: UInt64, _ response: inout Response) {
        let status = decide(head, bytes, now, &response)
        response.status = status
        if response.content == .status { setStatusContent(&response) }
        count(status)
    }

    mutating func count(_ status: Status) {
        switch status.rawValue {
        case 0..<300: counters.successes &+= 1
        case 300..<400: counters.redirections &+= 1
        case 400..<500: counters.clientErrors &+= 1
        default: counters.serverErrors &+= 1
        }
    }

    private mutating func decide(
        _ head: RequestHead, _ bytes: RawSpan, _ now: UInt64, _ response: inout Response
    ) -> Status {
        if let refusal = refusal(head) { return refusal }
        switch head.method {
        case .get, .head: return answerPath(head, bytes, now, &response)
        case .options: return .noContent
        case .unknown: return .notImplemented
        case .post, .put, .delete, .patch, .connect, .trace: return .methodNotAllowed
        }
    }

    private func refusal(_ head: RequestHead) -> Status? {
        // RFC 9110 §10.1.1; HTTP/1.0 has no expectations.
        if head.flags.contains(.expectsUnknown), head.version == .http11 { return .expectationFailed }
        if head.contentLength > maximumBodyByteCount { return .contentTooLarge }
        // The body of an HTTP/1.0 request ends where Content-Length says; without it there is no telling (RFC 1945 §7.2.2).
        if head.version == .http10, !head.flags.contains(.hasContentLength),
            head.method == .post || head.method == .put || head.method == .patch
        {
            return .lengthRequired
        }
        return nil
    }

    private mutating func answerPath(
        _ head: RequestHead, _ bytes: RawSpan, _ now: UInt64, _ response: inout Response
    ) -> Status {
        var writer = path.writer()
        var plain = RequestPath()
        if let invalid = plain.set(bytes, head.path, scratch: &writer) { return invalid }
        if Int(plain.bytes.count) > WebServerConfiguration.pathByteCountLimit { return .uriTooLong }
        if plain.hasDotFile, !servesDotFiles { return .notFound }
        guard let index = lookUp(plain, bytes, now) else { return .serviceUnavailable }
        switch cache.entries[index].kind {
        case .missing: return .notFound
        case .forbidden: return .forbidden
        case .failed: return .serviceUnavailable
        case .directory:
            // A directory called like the index file is no index.
            return plain.isDirectory ? .notFound : redirect(index, head, bytes, &response)
        case .file: return answerFile(index, head, bytes, now, &response)
        }
    }

    private mutating func lookUp(_ plain: RequestPath, _ bytes: RawSpan, _ now: UInt64) -> UInt32? {
        guard plain.isDirectory else {
            return plain.storage == .request
                ? cache.entry(bytes.extracting(plain.bytes), now: now)
                : cache.entry(path.unownedBytes(0, plain.bytes.range), now: now)
        }
        var writer = path.writer(from: Int(plain.storage == .scratch ? plain.bytes.count : 0))
        if plain.storage == .request { writer.append(bytes.extracting(plain.bytes)) }
        if plain.bytes.count > 0 { writer.append("/") }
        index.append(to: &writer)
        let start = plain.storage == .scratch ? Int(plain.bytes.count) : 0
        // Too long to be a name: looked up cut short, it is missing or another file, so it must not be looked up.
        guard !writer.overflowed else { return cache.entry(bytes.extracting(0..<0), now: now) }
        return cache.entry(path.unownedBytes(0, 0..<start &+ writer.count), now: now)
    }

    /// To the same name with a slash, RFC 9110 §15.4.2; the query goes along if it can be kept.
    private mutating func redirect(
        _ index: UInt32, _ head: RequestHead, _ bytes: RawSpan, _ response: inout Response
    ) -> Status {
        response.content = .redirect
        cache.retain(index)
        response.entry = index
        if head.query.isPresent, Int(head.query.count) <= WebServerConfiguration.queryByteCountLimit,
            let slot = querySlots.allocate()
        {
            var writer = queries.writer(slot)
            writer.append(bytes.extracting(head.query))
            response.auxiliary = slot
            response.queryByteCount = UInt16(head.query.count)
        }
        response.contentByteCount = UInt64(Self.pageByteCount(.movedPermanently))
        return .movedPermanently
    }

    private mutating func answerFile(
        _ index: UInt32, _ head: RequestHead, _ bytes: RawSpan, _ now: UInt64, _ response: inout Response
    ) -> Status {
        response.content = .file
        response.contentByteCount = cache.entries[index].size
        response.entry = index
        cache.retain(index)
        guard head.isConditional else { return .ok }

        let entry = cache.entries[index]

        let date = clock.seconds(at: now)
        let precondition: RequestHead.Precondition
        var isCurrent = false
        do {
            let tag = cache.text.bytes(index, entry.entityTag.range)
            let validators = Validators(entityTag: tag, modified: entry.modifiedSeconds, now: date)
            precondition = head.precondition(bytes, validators)
            if head.range.isPresent { isCurrent = head.rangeIsCurrent(bytes, validators) }
        }
        switch precondition {
        case .failed: return setValidators(.preconditionFailed, &response)
        case .notModified: return setValidators(.notModified, &response)
        // Range means something for GET only (RFC 9110 §14.2).
        case .proceed where head.range.isPresent && isCurrent && head.method == .get:
            return setRanges(bytes.extracting(head.range), entry.size, &response)
        case .proceed: return .ok
        }
    }

    private func setValidators(_ status: Status, _ response: inout Response) -> Status {
        response.content = .validators
        response.contentByteCount = UInt64(Self.pageByteCount(status))
        return status
    }

    private mutating func setRanges(_ value: RawSpan, _ size: UInt64, _ response: inout Response) -> Status {
        var set = ByteRangeSet()
        switch set.parse(value, size: size) {
        case .ignored: return .ok
        case .unsatisfiable: return setValidators(.rangeNotSatisfiable, &response)
        case .satisfiable where set.count == 1:
            response.content = .range
            response.first = set[0].first
            response.contentByteCount = set[0].byteCount
            return .partialContent
        case .satisfiable:
            // With every slot taken the whole file is as good an answer.
            guard let slot = parts.allocate(MultipartRanges()) else { return .ok }
            boundary = FileCache.mix(boundary &+ cache.entries[response.entry].hash &+ 1)
            parts[slot].ranges = set
            parts[slot].boundary = boundary
            response.content = .parts
            response.auxiliary = slot
            response.contentByteCount = layOutParts(response)
            return .partialContent
        }
    }
}

extension RequestHead {
    var isConditional: Bool {
        ifNoneMatch.isPresent || ifModifiedSince.isPresent || range.isPresent || ifMatch.isPresent
            || ifUnmodifiedSince.isPresent
    }
}
