import Glibc
import TestSupport
import Testing
import XSK

/// `FakeKernelRing` gives both ends the same memory, so each ring checks the other.
@Suite struct RingTests {
    @Test(arguments: [0, UInt32.max - 3])
    func slotsArriveInOrderAcrossTheIndexWrap(start: UInt32) {
        let memory = FakeKernelRing<UInt64>(capacity: 8, start: start)
        defer { memory.deallocate() }
        var producer = ProducerRing(memory.ring)
        var consumer = ConsumerRing(memory.ring)
        for lap in 0..<10 as Range<UInt64> {
            for index in 0..<8 as Range<UInt64> {
                let accepted = producer.append(lap * 8 + index)
                #expect(accepted)
            }
            let acceptedWhenFull = producer.append(99)
            #expect(!acceptedWhenFull)
            let availableBeforePublish = consumer.available(limit: 64)
            #expect(availableBeforePublish == 0)
            producer.publish()
            let drainedTooEarly = producer.isDrained
            #expect(!drainedTooEarly)
            let available = consumer.available(limit: 64)
            #expect(available == 8)
            for index in 0..<8 as Range<UInt32> {
                let slot = consumer.slot(at: index)
                #expect(slot == lap * 8 + UInt64(index))
            }
            consumer.release(8)
            let drained = producer.isDrained
            #expect(drained)
        }
    }

    @Test func aHostileIndexNeverYieldsMoreThanTheRing() {
        let memory = FakeKernelRing<UInt64>(capacity: 8)
        defer { memory.deallocate() }
        var consumer = ConsumerRing(memory.ring)
        memory.advanceProducer(by: 1_000_000)
        let available = consumer.available(limit: .max)
        #expect(available == 8)
    }

    @Test func refreshedAvailableSeesWhatCameSince() {
        let memory = FakeKernelRing<UInt64>(capacity: 8)
        defer { memory.deallocate() }
        var consumer = ConsumerRing(memory.ring)
        memory.advanceProducer(by: 2)
        let first = consumer.available(limit: 8)
        memory.advanceProducer(by: 3)
        let cached = consumer.available(limit: 8)
        let refreshed = consumer.refreshedAvailable(limit: 8)
        #expect(first == 2 && cached == 2 && refreshed == 5)
    }

    @Test func needWakeupIsTheLowestFlag() {
        let memory = FakeKernelRing<UInt64>(capacity: 8)
        defer { memory.deallocate() }
        #expect(!memory.ring.needsWakeup)
        memory.setFlags(1)
        #expect(memory.ring.needsWakeup)
    }

    @Test func twoThreadsSeeEverySlotOnce() async {
        let memory = FakeKernelRing<UInt64>(capacity: 64)
        defer { memory.deallocate() }
        let count: UInt64 = 100_000
        nonisolated(unsafe) let ring = memory.ring
        async let produced: Void = Task.detached {
            var producer = ProducerRing(unsafe ring)
            var next: UInt64 = 0
            while next < count {
                if producer.append(next) {
                    next += 1
                    producer.publish()
                } else {
                    sched_yield()
                }
            }
        }.value
        var consumer = ConsumerRing(unsafe ring)
        var expected: UInt64 = 0
        while expected < count {
            let available = consumer.available(limit: 16)
            if available == 0 {
                await Task.yield()
                continue
            }
            for offset in 0..<available {
                let slot = consumer.slot(at: offset)
                if slot != expected { Issue.record("slot \(slot), expected \(expected)") }
                expected += 1
            }
            consumer.release(available)
        }
        await produced
    }
}
