import Foundation
import Glibc
import Linux
import Testing

@testable import Manager

/// Marks as several managers of one host see them.
final class FakeHost {
    var marks: [String: Int] = [:]
    var taken: [ClosedRange<UInt32>] = []
    /// Another manager's doing between our look at the marks and our own.
    var meanwhile: (FakeHost, String) -> Void = { _, _ in }

    var allocator: UserAllocator {
        UserAllocator(
            taken: { self.taken }, marks: { self.marks.flatMap { [String](repeating: $0.key, count: $0.value) } },
            mark: { name in
                self.meanwhile(self, name)
                self.marks[name, default: 0] += 1
                return FileDescriptorBox(try FileDescriptor(opening: "/dev/null", flags: O_RDONLY))
            })
    }
}

@Suite struct UserAllocatorTests {
    @Test func namesThatDifferInTheirLastByteGetUsersOfTheirOwn() throws {
        let host = FakeHost()
        let ranges = try (0..<200).map { try host.allocator.allocate(for: "web\($0)").users }
        #expect(Set(ranges).count == 200)
        for (index, range) in ranges.enumerated() {
            #expect(!ranges.dropFirst(index + 1).contains { $0.ids.overlaps(range.ids) })
        }
    }

    @Test func anInstanceHasTheSameUsersNextTime() throws {
        let users = try (0..<2).map { _ in try FakeHost().allocator.allocate(for: "web1").users }
        #expect(users[0] == users[1])
    }

    @Test func usersOfOthersAreLeftAlone() throws {
        let first = try FakeHost().allocator.allocate(for: "web").users
        for taken in [first.ids.lowerBound, first.ids.upperBound, first.first + 4_711] {
            let host = FakeHost()
            host.taken = [taken...taken]
            let users = try host.allocator.allocate(for: "web").users
            #expect(!users.ids.contains(taken) && !users.ids.overlaps(first.ids))
        }
        let host = FakeHost()
        host.taken = [first.ids.lowerBound - 10...first.ids.upperBound + 100_000]
        #expect(try !host.allocator.allocate(for: "web").users.ids.overlaps(host.taken[0]))
    }

    @Test func ofTwoAtTheSameMomentNoneKeepsWhatBothMarked() throws {
        let host = FakeHost()
        var contested: String?
        host.meanwhile = { host, name in
            guard contested == nil else { return }
            contested = name
            host.marks[name] = 1
        }
        let users = try host.allocator.allocate(for: "web").users
        #expect(contested != nil && users.mark != contested)
    }

    @Test func aFullHostIsSaid() {
        let host = FakeHost()
        host.taken = [UserRange.all]
        #expect(throws: HostError.self) { try host.allocator.allocate(for: "web") }
    }

    @Test func rangesCoverWhatIsFreeAndNoMore() {
        #expect(UserRange.all == 1_879_048_192...2_147_483_647)
        #expect(UserRange(index: UserRange.rangeCount - 1).ids.upperBound == UserRange.all.upperBound)
        #expect(UserRange.count >= UInt32(Topology.Limit.slots.upperBound))
        #expect(UserRange(index: 3).mark.utf8.count == 15, "the longest name of a map")
    }

    @Test(arguments: ["0", "1", "1879048191", "1879048193", "2147483648", "4294967295", "-1", "1e99", "\"x\"", "null"])
    func aRangeFromAFileIsOneOfThem(_ number: String) {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(UserRange.self, from: Data(number.utf8)) }
    }

    @Test func subordinateUsersAreRead() {
        let text = """
            root:100000:65536
            max:4294967290:100
            broken
            a:b:c
            none:5:0
            huge:99999999999:1
            #comment:1
            """
        #expect(HostUsers.subordinates(text) == [100_000...165_535, 4_294_967_290...4_294_967_295])
    }

    @Test func usersOfNamespacesAreRead() {
        #expect(HostUsers.mapped("         0          0 4294967295\n") == [])
        #expect(HostUsers.mapped("0 1879048192 65536\n65536 5 1\n") == [1_879_048_192...1_879_113_727, 5...5])
    }

    @Test func accountsAndProcessesOfThisHostAreSeen() {
        let taken = HostUsers.taken(within: 0...UInt32.max)
        #expect(taken.contains { $0.contains(0) }, "root")
        #expect(taken.contains { $0.contains(geteuid()) }, "this process")
    }
}
