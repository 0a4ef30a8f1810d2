/// A range of sequence numbers that was sent at one time and is not acknowledged cumulatively.
struct Transmission: PoolElement, BitwiseCopyable {
    var next: UInt32 = noIndex
    var previous: UInt32 = noIndex
    var start: SequenceNumber
    var end: SequenceNumber
    var sentAt: UInt64
    var marks: Marks = []

    struct Marks: OptionSet, BitwiseCopyable {
        let rawValue: UInt8

        /// Bit by bit; an array literal of several members may allocate an array in a debug build.
        static func | (left: Marks, right: Marks) -> Marks { Marks(rawValue: left.rawValue | right.rawValue) }

        /// Acknowledged selectively.
        static let sacked = Marks(rawValue: 1)
        /// Deemed lost, and not sent again since.
        static let lost = Marks(rawValue: 2)
        /// Sent more than once.
        static let retransmitted = Marks(rawValue: 4)
        /// Merged for want of a free record: its time tells nothing about the round trip.
        static let untimed = Marks(rawValue: 8)

    }

    var byteCount: UInt32 { end - start }
}
