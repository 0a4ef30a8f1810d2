public import XSK

/// Ring memory without a kernel; the test drives the kernel's side.
@safe public struct FakeKernelRing<Slot: BitwiseCopyable> {
    public let ring: Ring<Slot>
    private let words: UnsafeMutablePointer<UInt32>

    /// - Parameter start: The first index, to place a test next to the 32-bit wrap.
    public init(capacity: UInt32, start: UInt32 = 0) {
        unsafe words = .allocate(capacity: 64)
        unsafe words.initialize(repeating: start, count: 64)
        unsafe words[32] = 0
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: Int(capacity))
        unsafe ring = Ring(
            producer: SharedIndex(word: words), consumer: SharedIndex(word: words + 16),
            flags: SharedIndex(word: words + 32), slots: slots, capacity: capacity)
    }

    /// What the kernel does when it consumed or produced `count` slots.
    public func advanceConsumer(by count: UInt32) { unsafe words[16] &+= count }
    public func advanceProducer(by count: UInt32) { unsafe words[0] &+= count }
    public func setFlags(_ flags: UInt32) { unsafe words[32] = flags }

    public func deallocate() { unsafe words.deallocate() }
}
