import Glibc
public import Linux
import Synchronization

/// Reads the events that programs put into a BPF_MAP_TYPE_RINGBUF.
///
/// Layout (kernel, Documentation/bpf/ringbuf.rst): a page with the consumer position, a page with the producer position,
/// then the data, which appears twice in a row so that no record is split. Positions count bytes and never wrap.
@safe public struct RingBuffer<Event: BitwiseCopyable>: ~Copyable {
    public let descriptor: FileDescriptor
    private let consumer: UnsafeMutableRawPointer
    private let producer: UnsafeMutableRawPointer
    private let byteCount: Int

    private static var pageByteCount: Int { sysconf(CInt(_SC_PAGESIZE)) }
    private static var headerByteCount: Int { 8 }
    private static var busy: UInt32 { 1 << 31 }
    private static var discarded: UInt32 { 1 << 30 }

    /// - Parameter byteCount: the map's size.
    public init(owning descriptor: consuming FileDescriptor, byteCount: Int) throws(BPFError) {
        let page = Self.pageByteCount
        let writable = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.rawValue, 0)
        guard let consumer = unsafe writable, unsafe consumer != MAP_FAILED else {
            throw BPFError("map the event ring", errno: .current)
        }
        let readable = unsafe mmap(
            nil, page + 2 * byteCount, PROT_READ, MAP_SHARED, descriptor.rawValue, off_t(page))
        guard let producer = unsafe readable, unsafe producer != MAP_FAILED else {
            let error = Errno.current
            unsafe munmap(consumer, page)
            throw BPFError("map the event ring", errno: error)
        }
        unsafe self.consumer = unsafe consumer
        unsafe self.producer = unsafe producer
        self.byteCount = byteCount
        self.descriptor = descriptor
    }

    deinit {
        unsafe munmap(consumer, Self.pageByteCount)
        unsafe munmap(producer, Self.pageByteCount + 2 * byteCount)
    }

    /// Takes events that are complete, `limit` of them at most. The descriptor is readable (poll(2)) as long as there
    /// are some.
    public func drain(limit: Int = .max, _ body: (Event) -> Void) {
        // Safe: the kernel's words are aligned and shared; both sides use atomics.
        let consumed = unsafe consumer.assumingMemoryBound(to: Atomic<UInt64>.self)
        let produced = unsafe producer.assumingMemoryBound(to: Atomic<UInt64>.self)
        let data = unsafe producer + Self.pageByteCount
        var position = unsafe consumed.pointee.load(ordering: .relaxed)
        var count = 0
        while unsafe count < limit && position < produced.pointee.load(ordering: .acquiring) {
            count += 1
            // Safe: below the producer's position, so a record's header lies here, and the record after it.
            let record = unsafe data + Int(position % UInt64(byteCount))
            let word = unsafe record.assumingMemoryBound(to: Atomic<UInt32>.self)
            let header = unsafe word.pointee.load(ordering: .acquiring)
            guard header & Self.busy == 0 else { return }
            let length = Int(header & ~Self.discarded)
            if header & Self.discarded == 0 && length >= MemoryLayout<Event>.size {
                body(unsafe (record + Self.headerByteCount).loadUnaligned(as: Event.self))
            }
            position += UInt64((length + Self.headerByteCount + 7) & ~7)
            unsafe consumed.pointee.store(position, ordering: .releasing)
        }
    }
}
