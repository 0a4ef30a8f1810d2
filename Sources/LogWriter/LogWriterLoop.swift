import CLinux
import Glibc
import Handover
import Linux

/// Reads the pipes of NFs and writes their lines to one output, for ever. While the output takes nothing, nothing is
/// read either: the pipes fill, and NFs drop and count what does not fit.
@safe struct LogWriterLoop: ~Copyable {
    private let manager: LogWriterServer
    private let start: LogStart
    private let epoll: FileDescriptor
    /// Always the same number, whichever file it is: the only one that may be written to.
    private let output: CInt
    private var file: LogOutput
    private var sources: [CInt: Source] = [:]
    /// Sources that are not read for now, since they wrote too much.
    private var waiting: Set<CInt> = []
    private var buffer: LogBuffer
    private var counts = LogCounts()
    private var reported = LogCounts()
    private var nextReport: UInt64 = 0
    /// When to try again to write; nil while the output takes what it is given.
    private var retryAt: UInt64?
    /// When the manager may be asked for another file.
    private var nextFile: UInt64 = 0
    private var isConnected = true
    /// What is read goes there first. It lives as long as the process.
    private let chunk: UnsafeMutableRawBufferPointer
    private var now: UInt64 = 0

    private struct Source {
        var lines: LogLines
        var bucket: TokenBucket
        var readAt: UInt64 = 0
    }

    private static var second: UInt64 { 1_000_000_000 }
    private static var fileInterval: UInt64 { second / 50 }
    private static var commandsInATurn: Int { 64 }

    init(
        manager: consuming LogWriterServer, start: LogStart, file: LogOutput, epoll: consuming FileDescriptor,
        output: CInt
    ) {
        self.manager = manager
        self.start = start
        self.file = file
        self.epoll = epoll
        self.output = output
        buffer = LogBuffer(form: start.form)
        unsafe chunk = .allocate(byteCount: start.form == .access ? 65_536 : 4_096, alignment: 16)
        watch(self.manager.socket.descriptor.rawValue)
    }

    /// Returns when the manager and all NFs are gone.
    mutating func run() {
        while true {
            now = Self.clock
            write()
            report()
            if retryAt != nil {
                waitForAnotherOutput()
                continue
            }
            if !isConnected, sources.isEmpty { return }
            readAgain()
            for descriptor in ready() {
                if descriptor == manager.socket.descriptor.rawValue {
                    handleCommands()
                } else {
                    read(descriptor)
                }
                guard retryAt == nil else { break }
            }
        }
    }

    // MARK: Sources

    private mutating func read(_ descriptor: CInt) {
        guard var source = sources.removeValue(forKey: descriptor) else { return }
        guard source.bucket.hasRoom(at: now) else {
            counts.throttled &+= 1
            source.readAt = source.bucket.nextRoom(at: now)
            sources[descriptor] = source
            waiting.insert(descriptor)
            return forget(descriptor)
        }
        let count = unsafe Glibc.read(descriptor, chunk.baseAddress, chunk.count)
        if count < 0, errno == EAGAIN || errno == EINTR {
            sources[descriptor] = source
            return
        }
        let stamp = start.form == .errors ? LogStamp.now : []
        let before = buffer.byteCount
        guard count > 0 else {
            source.lines.finish(stamp: stamp, into: &buffer, counting: &counts)
            forget(descriptor)
            _ = close(descriptor)
            write()
            return
        }
        // Safe: nothing is read into the chunk while the lines are taken out of it.
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: chunk[..<count]).bytes
        source.lines.take(bytes, stamp: stamp, into: &buffer, counting: &counts)
        source.bucket.take(max(count, buffer.byteCount - before))
        sources[descriptor] = source
        write()
    }

    /// Looks again at those whose time has come.
    private mutating func readAgain() {
        for descriptor in waiting where sources[descriptor].map({ $0.readAt <= now }) ?? true {
            waiting.remove(descriptor)
            watch(descriptor)
        }
    }

    // MARK: Output

    private mutating func write() {
        if let retryAt, retryAt > now { return }
        retryAt = nil
        while !buffer.isEmpty {
            let count = unsafe buffer.withBytes(buffer.next) { unsafe Glibc.write(output, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                counts.failure = count < 0 ? errno : ENOSPC
                retryAt = now &+ Self.second
                return
            }
            counts.failure = 0
            buffer.wrote(count, counting: &counts)
            file.byteCount &+= UInt64(count)
        }
        guard file.byteCountLimit > 0, file.byteCount >= file.byteCountLimit else { return }
        // Files that are full at once keep nobody but their own log busy.
        guard now >= nextFile else {
            retryAt = nextFile
            return
        }
        nextFile = now &+ Self.fileInterval
        retryAt = now &+ Self.second
        try? manager.reportFull()
    }

    /// From here on `descriptor` is the output.
    private mutating func change(to output: LogOutput, _ descriptor: CInt) {
        _ = dup2(descriptor, self.output)
        _ = close(descriptor)
        file = output
        buffer.outputChanged(counting: &counts)
        retryAt = nil
    }

    // MARK: The manager

    private mutating func handleCommands() {
        for _ in 0..<Self.commandsInATurn {
            do throws(HandoverError) {
                switch try manager.nextCommand() {
                case .output(let output, let descriptor): change(to: output, descriptor)
                case .source(let source, let descriptor): add(source, descriptor)
                case .start: break
                case nil: return
                }
            } catch .peerGone {
                // Its NFs are still there: their lines are written until the last one has ended.
                forget(manager.socket.descriptor.rawValue)
                isConnected = false
                return
            } catch {
                // The manager sees the end, and starts another writer.
                exit(70)
            }
        }
    }

    private mutating func add(_ source: LogSource, _ descriptor: CInt) {
        let bucket = TokenBucket(
            bytesPerSecond: start.bytesPerSecond, burstByteCount: start.burstByteCount, now: now)
        sources[descriptor] = Source(lines: LogLines(form: start.form, source: source), bucket: bucket)
        watch(descriptor)
    }

    /// Once a second, if there is something new; what fails, at once.
    private mutating func report() {
        guard isConnected, counts != reported else { return }
        guard now >= nextReport || counts.failure != reported.failure else { return }
        nextReport = now &+ Self.second
        guard (try? manager.report(counts)) != nil else { return }
        reported = counts
    }

    // MARK: Waiting

    private func watch(_ descriptor: CInt) {
        _ = CLinux_epoll_control(
            epoll.rawValue, EPOLL_CTL_ADD, descriptor, EPOLLIN.rawValue, UInt64(UInt32(bitPattern: descriptor)))
    }

    /// The manager has a descriptor of the same pipe: closing this one would not take it out.
    private func forget(_ descriptor: CInt) {
        _ = CLinux_epoll_control(epoll.rawValue, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    private mutating func ready() -> [CInt] {
        var tags = [UInt64](repeating: 0, count: 256)
        var events = [UInt32](repeating: 0, count: tags.count)
        var deadline = waiting.compactMap { sources[$0]?.readAt }.min() ?? .max
        if counts != reported { deadline = min(deadline, nextReport) }
        let count = unsafe CLinux_epoll_wait(
            epoll.rawValue, &tags, &events, CInt(tags.count), Self.milliseconds(until: deadline, now))
        now = Self.clock
        return tags.prefix(Int(max(count, 0))).map { CInt(truncatingIfNeeded: $0) }
    }

    /// While nothing can be written.
    private mutating func waitForAnotherOutput() {
        var channel = pollfd(
            fd: isConnected ? manager.socket.descriptor.rawValue : -1, events: Int16(POLLIN), revents: 0)
        let deadline = min(retryAt ?? now, isConnected && counts != reported ? nextReport : .max)
        _ = unsafe CLinux_poll_nanoseconds(&channel, 1, Int64(deadline > now ? deadline - now : 0))
        now = Self.clock
        if channel.revents != 0 { handleCommands() }
    }

    /// Rounded up.
    private static func milliseconds(until deadline: UInt64, _ now: UInt64) -> CInt {
        guard deadline != .max else { return -1 }
        return deadline > now ? CInt(min((deadline - now + 999_999) / 1_000_000, 60_000)) : 0
    }

    private static var clock: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * second + UInt64(time.tv_nsec)
    }
}

/// The time of day as the manager's own lines have it: "12:34:56.789".
enum LogStamp {
    /// `tzset` must have been called while there were files.
    static var now: [UInt8] {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        var parts = unsafe tm()
        unsafe localtime_r(&time.tv_sec, &parts)
        let clock = unsafe [(parts.tm_hour, 2), (parts.tm_min, 2), (parts.tm_sec, 2)].map { digits(Int($0.0), $0.1) }
        return Array(clock.joined(separator: [0x3A])) + [0x2E] + digits(time.tv_nsec / 1_000_000, 3)
    }

    private static func digits(_ number: Int, _ count: Int) -> [UInt8] {
        var rest = number
        var digits = [UInt8](repeating: 0x30, count: count)
        for index in digits.indices.reversed() {
            digits[index] += UInt8(rest % 10)
            rest /= 10
        }
        return digits
    }
}
