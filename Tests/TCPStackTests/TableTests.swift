import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

@Suite struct TableTests {
    /// Random takes and returns: no element is handed out twice, and all come back.
    @Test func poolHandsOutEachElementOnce() {
        var random = SeededRandom(seed: 1)
        var pool = Pool<ReceivedRange>(capacity: 100)
        var taken: [UInt32] = []
        var twice = false
        for _ in 0..<10_000 {
            if random.next() % 2 == 0 {
                if let index = pool.take() {
                    twice = twice || taken.contains(index)
                    taken.append(index)
                } else {
                    twice = twice || taken.count != 100
                }
            } else if !taken.isEmpty {
                pool.give(taken.remove(at: Int(random.next() % UInt64(taken.count))))
            }
        }
        let free = pool.freeCount
        #expect(!twice && free == 100 - taken.count)
    }

    /// Random takes and returns of every order: blocks never overlap, and in the end the largest can be had again.
    @Test func receivePoolBlocksDoNotOverlap() {
        var random = SeededRandom(seed: 2)
        var pool = ReceivePool(byteCount: 1 << 18, largestBlock: 1 << 16)
        var held: [(block: UInt32, order: UInt8)] = []
        var owner = [Int](repeating: 0, count: (1 << 18) >> ReceivePool.smallestShift)
        var overlaps = false
        for step in 1..<20_000 {
            if random.next() % 2 == 0, let order = pool.order(for: 1 << (8 + random.next() % 9)),
                let block = pool.take(order: order)
            {
                for piece in Int(block)..<Int(block) + 1 << Int(order) {
                    overlaps = overlaps || owner[piece] != 0
                    owner[piece] = step
                }
                held.append((block, order))
            } else if !held.isEmpty {
                let (block, order) = held.remove(at: Int(random.next() % UInt64(held.count)))
                for piece in Int(block)..<Int(block) + 1 << Int(order) { owner[piece] = 0 }
                pool.give(block, order: order)
            }
        }
        for (block, order) in held { pool.give(block, order: order) }
        let used = pool.usedByteCount
        var largest = 0
        while pool.take(order: pool.order(for: 1 << 16)!) != nil { largest += 1 }
        #expect(!overlaps && used == 0 && largest == 4)
    }

    @Test func tooLargeABlockIsRefused() {
        let pool = ReceivePool(byteCount: 1 << 18, largestBlock: 1 << 16)
        #expect(pool.order(for: 1 << 16) == 5 && pool.order(for: 1 << 16 + 1) == nil)
    }

    /// Lookups after random insertions and removals, in a table so full that runs are long and wrap.
    @Test func demultiplexerFindsWhatIsThere() {
        var random = SeededRandom(seed: 3)
        let capacity = 32
        let blocks = MappedTable<TransmissionControlBlock>(capacity: capacity)
        let demultiplexer = Demultiplexer(capacity: capacity)
        var present: [UInt32: UInt32] = [:]
        func identity(_ index: UInt32) -> ConnectionIdentity {
            ConnectionIdentity(
                peer: Simulation.address(UInt8(index), isIPv6: false), local: Simulation.address(200, isIPv6: false),
                peerPort: 1, localPort: 2)
        }
        for index in 0..<UInt32(capacity) { blocks.elements[index].identity = identity(index) }
        var wrong = 0
        for _ in 0..<20_000 {
            let index = UInt32(random.next() % UInt64(capacity))
            if let hash = present[index] {
                demultiplexer.remove(index, hash: hash)
                present[index] = nil
            } else {
                // Few hashes, and near the end of the table: collisions and wrap-around.
                let hash = UInt32(60 + random.next() % 6) | UInt32(truncatingIfNeeded: random.next() << 30)
                demultiplexer.insert(index, hash: hash)
                present[index] = hash
            }
            for other in 0..<UInt32(capacity) {
                let found = demultiplexer.find(identity(other), hash: present[other] ?? 60, in: blocks.elements)
                if found != (present[other] == nil ? nil : other) { wrong += 1 }
            }
        }
        #expect(wrong == 0)
    }

    @Test func fullRingRefuses() {
        var queue = ReplyQueue(capacity: 3)
        let identity = ConnectionIdentity(
            peer: Simulation.address(1, isIPv6: false), local: Simulation.address(2, isIPv6: false), peerPort: 1,
            localPort: 2)
        func reply(_ sequence: UInt32) -> Reply {
            Reply(
                identity: identity, link: LinkHeader(LinkPath(destination: 1, source: 2)),
                sequence: SequenceNumber(sequence), acknowledgment: SequenceNumber(0), control: .rst)
        }
        var results: [Bool] = []
        for sequence in 0..<4 { results.append(queue.append(reply(UInt32(sequence)))) }
        let first = queue.removeFirst()?.sequence.rawValue
        results.append(queue.append(reply(9)))
        var rest: [UInt32] = []
        while let reply = queue.removeFirst() { rest.append(reply.sequence.rawValue) }
        #expect(results == [true, true, true, false, true] && first == 0 && rest == [1, 2, 9])
    }

    /// The vectors of the reference implementation: key 00...0f, message 00...(n-1), for whole words.
    @Test func sipHashVectors() {
        let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        var eight = SipHash(key: key)
        eight.add(0x0706_0504_0302_0100, compressionRounds: 2)
        let ofEight = eight.finish(compressionRounds: 2, finalizationRounds: 4)
        #expect(ofEight == 0x93F5_F579_9A93_2462)
        var none = SipHash(key: key)
        let ofNone = none.finish(compressionRounds: 2, finalizationRounds: 4)
        #expect(ofNone == 0x726F_DB47_DD0E_0E31)
    }

    @Test func sequenceNumbersWrap() {
        let before = SequenceNumber(.max - 1)
        let after = before + 10 as SequenceNumber
        #expect(before < after && !(after < before) && after - before == 10 && after.rawValue == 8)
        #expect(before <= before && SequenceNumber.latest(before, after) == after)
    }

    /// A connection's block, and what comes with it in the tables, in bytes.
    @Test func memoryOfAConnection() {
        let block = MemoryLayout<TransmissionControlBlock>.stride
        let links =
            MemoryLayout<TimerWheel.Entry>.stride + MemoryLayout<ReadyQueue.Link>.stride + 2
            * MemoryLayout<UInt64>.stride
        #expect(block + links <= 512, "\(block) + \(links)")
        #expect(MemoryLayout<ConnectionHistory>.stride <= 208)
    }
}
