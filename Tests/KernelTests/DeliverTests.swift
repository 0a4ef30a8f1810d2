import BPF
import Glibc
import Linux
import TestSupport
import Testing

@testable import Manager

@Suite("deliver", .serialized)
struct DeliverTests {
    @Test("hands frames to the slot's socket, and drops them without one")
    func deliver() throws {
        let bench = try Bench()
        try bench.define()
        let frame = Client.syn.bytes
        let unknown = try bench.snapshot()
        #expect(try bench.steering.maps.deliver.testRun(frame).verdict == Bench.Verdict.drop.rawValue)
        #expect(try bench.moved(since: unknown) == ["deliver_drop_no_slot"])

        try bench.offer(6)
        let without = try bench.snapshot()
        #expect(try bench.steering.maps.deliver.testRun(frame).verdict == Bench.Verdict.drop.rawValue)
        #expect(try bench.moved(since: without) == ["deliver_drop_no_socket"])

        let addressFamilyXDP: CInt = 44
        let socket = FileDescriptor(
            owning: socket(addressFamilyXDP, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0))
        try #require(socket.rawValue >= 0)
        try bench.steering.maps.sockets.update(6, UInt32(bitPattern: socket.rawValue))
        let with = try bench.snapshot()
        #expect(try bench.steering.maps.deliver.testRun(frame).verdict == Bench.Verdict.redirect.rawValue)
        #expect(try bench.moved(since: with) == ["deliver_delivered"])
        let counters = Dictionary(uniqueKeysWithValues: try bench.steering.slotCounters(6).map { ($0.name, $0.value) })
        #expect(counters["delivered"] == 1)
        #expect(counters["deliver_drop_no_socket"] == 1)

        try bench.steering.unbind(slot: 6)
        try bench.steering.retire(slot: 6)
        #expect(try bench.steering.maps.deliver.testRun(frame).verdict == Bench.Verdict.drop.rawValue)
    }
}
