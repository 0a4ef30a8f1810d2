import PacketHeaders
import TCPStack
import TestSupport
import Testing

/// Whole transfers between two stacks over a path that loses, reorders, repeats and corrupts.
@Suite struct TransferTests {
    static func simulation(
        seed: UInt64, clientBytes: Int, serverBytes: Int, _ impairment: Impairment = Impairment(),
        change: (inout Configuration) -> Void = { _ in }
    ) -> Simulation {
        var random = SeededRandom(seed: seed)
        var configuration = Configuration(secret: (random.next(), random.next()))
        configuration.connectionCapacity = 64
        // Checksums are slow in a debug build; where the path corrupts frames they must be complete.
        if impairment.corruptPerMille == 0 {
            configuration.trustsPartialChecksums = true
            configuration.transmitChecksum = .partial
        }
        change(&configuration)
        var clientTraffic = Traffic()
        clientTraffic.sendByteCount = clientBytes
        var serverTraffic = Traffic()
        serverTraffic.sendByteCount = serverBytes
        let client = SimulatedHost(configuration, clientTraffic, isServer: false)
        let server = SimulatedHost(configuration, serverTraffic, isServer: true)
        let isListening = server.stack.listen(on: Endpoint(address: .any, port: 80))
        precondition(isListening)
        return Simulation(client: client, server: server, impairment, impairment, seed: seed)
    }

    static func expectComplete(_ simulation: Simulation, clientBytes: Int, serverBytes: Int, seed: UInt64) {
        let client = simulation.client.streams.values.first
        let server = simulation.server.streams.values.first
        #expect(client?.closed == .finished && server?.closed == .finished, "seed \(seed)")
        #expect(client?.mismatch == nil && server?.mismatch == nil, "seed \(seed)")
        #expect(client?.received == UInt64(serverBytes), "seed \(seed)")
        #expect(server?.received == UInt64(clientBytes), "seed \(seed)")
    }

    @Test(arguments: [0, 1, 1447, 1448, 1449, 65_536, 3_000_000], [false, true])
    func cleanPath(byteCount: Int, isIPv6: Bool) {
        let simulation = Self.simulation(seed: 1, clientBytes: byteCount, serverBytes: byteCount)
        let id = simulation.connect(isIPv6: isIPv6)
        #expect(id != nil)
        let isOver = simulation.run()
        #expect(isOver)
        Self.expectComplete(simulation, clientBytes: byteCount, serverBytes: byteCount, seed: 1)
        let retransmitted = simulation.server.stack.counters[.retransmittedSegments]
        #expect(retransmitted == 0)
        let left = simulation.client.stack.connectionCount + simulation.server.stack.connectionCount
        #expect(left == 0)
    }

    @Test(arguments: [10, 100], 1...20)
    func lossyPath(lossPerMille: Int, seed: Int) {
        var impairment = Impairment()
        impairment.lossPerMille = lossPerMille
        impairment.reorderPerMille = 20
        impairment.duplicatePerMille = 5
        impairment.corruptPerMille = seed % 4 == 0 ? 5 : 0
        let byteCount = lossPerMille == 10 ? 1_000_000 : 200_000
        let simulation = Self.simulation(
            seed: UInt64(seed), clientBytes: byteCount, serverBytes: byteCount, impairment)
        _ = simulation.connect(isIPv6: seed % 2 == 0)
        let isOver = simulation.run()
        #expect(isOver, "seed \(seed)")
        Self.expectComplete(simulation, clientBytes: byteCount, serverBytes: byteCount, seed: UInt64(seed))
    }
}
