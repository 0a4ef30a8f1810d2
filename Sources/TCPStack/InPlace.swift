import Synchronization

/// A member of no size that makes the type it is in one that is only ever used where it lies. Without it the compiler
/// loads a whole structure of half a kilobyte to read one field of it.
struct InPlace: ~Copyable {
    private let nothing = InlineArray<0, Atomic<UInt8>> { _ in Atomic(0) }
}
