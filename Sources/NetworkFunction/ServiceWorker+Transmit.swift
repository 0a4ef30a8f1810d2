public import Handover
import Linux
public import TCPStack

extension ServiceWorker where S: ~Copyable {
    /// Sends what may be sent now.
    @inlinable public mutating func transmit() -> XSKPort.Kick {
        tap.isOpen ? transmitByTap() : transmitBySocket()
    }

    /// In one kick.
    @inlinable mutating func transmitBySocket() -> XSKPort.Kick {
        // The device may finish with frames long after the kick that gave them to it.
        port.reclaim()
        while let frame = port.takeFrame() {
            // Safe: the frame is ours from `takeFrame` to `submit` or `putBack`.
            var bytes = unsafe UnsafeMutableRawBufferPointer(start: frame.base, count: frame.capacity).mutableBytes
            guard let segment = stack.nextSegment(into: &bytes, at: now) else {
                port.putBack(frame)
                break
            }
            guard unsafe complete(segment, frame.base, &bytes) else {
                port.putBack(frame)
                continue
            }
            port.submit(
                frame, byteCount: segment.byteCount,
                checksum: (start: segment.checksumStart, offset: segment.checksumOffset))
        }
        let kick = port.flush()
        // Out of frames, so more may be ready than was sent, and no event tells when the device gives one back.
        if case .sent = kick, port.freeFrames == 0 { return .pending }
        return kick
    }

    /// Each frame by a write of its own. When frames came in meanwhile (the client's answers may, within the write),
    /// they have their turn.
    @inlinable mutating func transmitByTap() -> XSKPort.Kick {
        var kick = tap.flush()
        var turn = Self.bytesInATurn
        while case .sent = kick {
            if turn <= 0 || port.available() == XSKPort.burst { return .more }
            let base = unsafe tap.frame
            // Safe: the port has the buffer, and nothing else writes there.
            var bytes = unsafe UnsafeMutableRawBufferPointer(start: base, count: TapPort.frameByteCount).mutableBytes
            guard let segment = stack.nextSegment(into: &bytes, at: now) else { return .sent }
            guard unsafe complete(segment, base, &bytes) else { continue }
            kick = tap.send(segment)
            // What a small frame costs is the write.
            turn -= max(segment.byteCount, 4_096)
        }
        return kick
    }

    /// Some 50 µs of sending, or more where the kernel has to cut the frames itself.
    @usableFromInline static var bytesInATurn: Int { 256 * 1024 }

    /// Has the service write the payload, and finishes the checksum. False: there is nothing to send after all.
    @inlinable mutating func complete(
        _ segment: Segment, _ base: UnsafeMutableRawPointer, _ bytes: inout MutableRawSpan
    ) -> Bool {
        if !segment.payload.isEmpty, unsafe !produce(segment, base) {
            stack.fail(segment)
            runTimers()
            return false
        }
        stack.seal(segment, &bytes)
        telemetry.add(UInt64(segment.count), to: .txPackets)
        telemetry.add(UInt64(segment.byteCount), to: .txBytes)
        return true
    }

    @inlinable mutating func produce(_ segment: Segment, _ frame: UnsafeMutableRawPointer) -> Bool {
        guard let id = segment.connection, table.contains(id) else { return false }
        var connection = connection(id)
        // Safe: the stack keeps the payload inside the frame it was given.
        var payload = unsafe UnsafeMutableRawBufferPointer(
            start: frame + segment.payload.lowerBound, count: segment.payload.count
        ).mutableBytes
        let isProduced = unsafe service.produce(
            &payload, at: segment.streamOffset, on: &connection, state: &table.pointer(id).pointee)
        // A service that aborted is not told of the end it made itself.
        if !isProduced, connection.requests.contains(.abort) { forget(id) }
        return isProduced
    }
}
