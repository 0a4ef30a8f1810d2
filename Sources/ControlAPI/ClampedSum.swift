extension Sequence<UInt64> {
    /// The sum, or the largest number there is: counters that an NF wrote may be anything, and a sum that traps would
    /// end whoever looks at them.
    public var clampedSum: UInt64 {
        reduce(0) { sum, value in
            let (result, overflow) = sum.addingReportingOverflow(value)
            return overflow ? .max : result
        }
    }
}
