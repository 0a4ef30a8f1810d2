public import Handover
public import Linux
public import TCPStack

/// Why an NF's loop ended.
public enum RunResult: Sendable {
    /// It was drained and its last connection ended.
    case drained
    /// Its socket can send no more.
    case socketDead(Errno)
}

extension ServiceWorker where S: ~Copyable {
    /// Runs until drained or dead.
    /// - Parameter manager: Where commands come from. When the manager goes, the NF goes on.
    @inlinable public mutating func run(manager: borrowing NFEnd, spin: IdleSpin) -> RunResult {
        var spin = spin

        var channel: CInt = manager.socket.descriptor.rawValue
        var draining = false
        var lastWork = now
        var isIdle = false
        var lastStatistics = Instant(nanoseconds: 0)
        var lastCommand = now
        telemetry[.framesTotal] = UInt64(port.frameCount)
        telemetry[.layoutVersion] = Telemetry.layoutVersion
        while true {
            let (received, kick) = turn()
            if reporter.isWalking { reporter.advance(stack, telemetry) }
            var isPending = false
            var hasMore = false
            switch kick {
            case .sent: linkIsDown = false
            case .pending: isPending = true
            case .more: hasMore = true
            case .down: linkIsDown = true
            case .dead(let errno): return .socketDead(errno)
            }
            let reportsStatistics = now.nanoseconds &- lastStatistics.nanoseconds >= 1_000_000_000
            if received > 0 || hasMore {
                if isIdle { spin.note(gap: now.nanoseconds &- lastWork.nanoseconds) }
                isIdle = false
                lastWork = now
                if !reportsStatistics, now.nanoseconds &- lastCommand.nanoseconds < Self.commandInterval { continue }
            } else {
                isIdle = true
                if !isPending, !reportsStatistics, findsWork(within: spin, since: lastWork) { continue }
            }
            report(statistics: reportsStatistics)
            if reportsStatistics { lastStatistics = now }
            if draining, stack.connectionCount == 0 { return .drained }
            let isBusy = received > 0 || hasMore || reporter.isWalking
            let hasCommand = isBusy || sleep(channel: channel, isPending: isPending)
            lastCommand = now
            if hasCommand, handleCommand(manager, &channel) {
                draining = true
                drain()
            }
        }
    }

    /// Nanoseconds after which an NF that never sleeps looks for commands of its manager.
    @usableFromInline static var commandInterval: UInt64 { 100_000_000 }

    /// Looks for a frame or a due timer until the time to look is over.
    @inlinable mutating func findsWork(within spin: IdleSpin, since lastWork: Instant) -> Bool {
        while now.nanoseconds &- lastWork.nanoseconds < spin.budget {
            spin.yield()
            if port.available() > 0 { return true }
            now = .current
            if let deadline = stack.nextDeadline, deadline <= now { return true }
        }
        return false
    }

    /// Takes what arrived, runs what is due, sends what may be sent: one turn of whoever drives the worker.
    /// - Returns: how many descriptors were received, and what became of the sending.
    @inlinable public mutating func turn() -> (received: UInt32, kick: XSKPort.Kick) {
        now = .current
        let received = receive()
        runTimers()
        let kick = transmit()
        telemetry.add(1, to: .heartbeat)
        return (received, kick)
    }

    /// Sleeps until a frame, a command or the next deadline. Returns whether a command waits.
    /// - Parameter isPending: Frames wait that the device did not take.
    @inlinable public mutating func sleep(channel: CInt, isPending: Bool) -> Bool {
        var deadline = stack.nextDeadline
        // An unsent rest is tried again soon, a link that is down less soon.
        if isPending || linkIsDown {
            let retry = Instant(nanoseconds: now.nanoseconds &+ (isPending ? 50_000 : 10_000_000))
            deadline = min(deadline ?? retry, retry)
        }
        if let deadline, deadline <= now { return false }
        telemetry[.asleep] = 1
        let hasCommand = waitForInput(socket: port.rawDescriptor, channel: channel, now: now, deadline: deadline)
        telemetry[.asleep] = 0
        telemetry.add(1, to: .wakeups)
        return hasCommand
    }

    /// Returns whether to drain now.
    @inlinable mutating func handleCommand(_ manager: borrowing NFEnd, _ channel: inout CInt) -> Bool {
        do {
            return try manager.nextCommand() == .drain
        } catch {
            // The manager is gone or speaks nonsense: go on serving without it. poll(2) ignores negative descriptors.
            channel = -1
            return false
        }
    }

    /// Writes the counters the manager reads; before every sleep, and once a second under load.
    @inlinable mutating func report(statistics: Bool) {
        telemetry[.connections] = UInt64(stack.connectionCount)
        telemetry[.framesFree] = UInt64(port.freeFrames)
        telemetry[.framesInFlight] = UInt64(port.frameCount - port.freeFrames)
        telemetry[.requests] = service.requestCount
        telemetry[.logLinesDropped] = service.droppedLogLineCount
        telemetry[.kicks] = port.kicks &+ tap.writes
        telemetry[.kickRetries] = port.kickRetries &+ tap.retries
        // Who asks for the connections wants the counters of now, too.
        let isAsked = reporter.look(telemetry)
        guard statistics || isAsked else { return }
        reportCounters()
    }

    @usableFromInline mutating func reportCounters() {
        port.recordStatistics(in: telemetry)
        let counters = stack.counters
        for counter in Counter.allCases { telemetry.setCounter(Int(counter.rawValue), to: counters[counter]) }
        for cause in DropCause.allCases { telemetry.setDrop(Int(cause.rawValue), to: counters[cause]) }
        telemetry[.dropOversized] = port.oversized
        telemetry[.dropMalformed] =
            counters[.truncatedFrame] &+ counters[.malformedIPv4] &+ counters[.malformedIPv6]
            &+ counters[.malformedTCP] &+ counters[.notIP] &+ counters[.notTCP]
        telemetry[.dropChecksum] = counters[.ipv4Checksum] &+ counters[.tcpChecksum]
        telemetry[.dropFragment] = counters[.fragment]
        telemetry[.dropUnknownConnection] = counters[.noListener]
        telemetry[.dropNoMemory] =
            counters[.connectionTableFull] &+ counters[.noReceiveRoom] &+ counters[.replyQueueFull]
        telemetry[.retransmittedSegments] = counters[.retransmittedSegments]
        telemetry[.retransmissionTimeouts] = counters[.retransmissionTimeouts]
        telemetry[.fastRecoveries] = counters[.recoveries]
        telemetry[.duplicateAcknowledgments] = counters[.duplicateAcknowledgments]
        telemetry[.outOfOrderSegments] = counters[.outOfOrderSegments]
        telemetry[.challengeAcknowledgments] = counters[.challengeAcknowledgments]
        telemetry[.resetsSent] = counters[.resetsSent]
        telemetry[.resetsReceived] = counters[.resetsReceived]
    }
}
