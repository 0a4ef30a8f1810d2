import Glibc
import Linux
import TestSupport
import Testing

@Suite struct DescriptorTests {
    @Test func aDescriptorIsClosedAtTheEndOfItsScope() throws {
        var watched = try WatchedDescriptor()
        do {
            guard let owned = watched.take() else { throw Errno.current }
            #expect(fcntl(owned.rawValue, F_GETFD) == FD_CLOEXEC)
            let closed = watched.isClosed(timeoutMilliseconds: 0)
            #expect(!closed)
        }
        let closed = watched.isClosed()
        #expect(closed)
    }

    @Test func aDuplicateKeepsTheFileOpen() throws {
        var watched = try WatchedDescriptor()
        guard let file = watched.take() else { throw Errno.current }
        let duplicate = try file.duplicate()
        try file.close()
        let before = watched.isClosed(timeoutMilliseconds: 0)
        try duplicate.close()
        let after = watched.isClosed()
        #expect(!before && after)
    }

    @Test func messagesCarryDescriptorsInOrder() throws {
        let pair = try SequencedSocket.pair()
        let empty = try pair.first.receiveOrErrno()
        #expect(empty == .wouldBlock)
        let one = try WatchedDescriptor()
        let two = try WatchedDescriptor()
        try pair.first.send([1, 2, 3], descriptors: [one.rawValue, two.rawValue])
        try pair.first.send([4])
        guard var first = try pair.second.receive() else { throw Errno.current }
        let (bytes, count) = (first.bytes, first.descriptorCount)
        #expect(bytes == [1, 2, 3] && count == 2)
        let number = first.takeDescriptor()
        let taken = FileDescriptor(owning: try #require(number))
        #expect(isSameFile(taken.rawValue, one.rawValue))
        try taken.close()
        guard let second = try pair.second.receive() else { throw Errno.current }
        let (rest, none) = (second.bytes, second.descriptorCount)
        #expect(rest == [4] && none == 0)
        let oneIsClosed = one.isClosedEverywhere()
        #expect(oneIsClosed)
    }

    @Test func whatNobodyTakesOfAMessageIsClosed() throws {
        let pair = try SequencedSocket.pair()
        let watched = try WatchedDescriptor()
        try pair.first.send([1], descriptors: [watched.rawValue, watched.rawValue])
        _ = try pair.second.receive()
        let closed = watched.isClosedEverywhere()
        #expect(closed)
    }

    @Test func aMessageThatIsTooLongIsRefusedAndLeaksNothing() throws {
        let pair = try SequencedSocket.pair()
        let watched = try WatchedDescriptor()
        try pair.first.send([UInt8](repeating: 1, count: 100), descriptors: [watched.rawValue])
        #expect(throws: Errno(rawValue: EMSGSIZE)) { _ = try pair.second.receive(limit: 10) }
        let closed = watched.isClosedEverywhere()
        #expect(closed)
    }

    @Test func sharedMemoryKeepsItsSize() throws {
        let memory = try SharedMemory.create(name: "test", byteCount: 4096)
        #expect(ftruncate(memory.rawValue, 0) == -1)
        #expect(ftruncate(memory.rawValue, 8192) == -1)
    }

    private func isSameFile(_ one: CInt, _ other: CInt) -> Bool {
        var (first, second) = (stat(), stat())
        guard unsafe fstat(one, &first) == 0, unsafe fstat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}

extension SequencedSocket {
    fileprivate borrowing func receiveOrErrno() throws -> Errno? {
        do {
            _ = try receive()
            return nil
        } catch {
            return error
        }
    }
}
