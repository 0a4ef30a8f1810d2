import PacketHeaders
import TestSupport
import Testing

@testable import TCPStack

/// How much of a path a bulk transfer uses, under virtual time: the same numbers on any machine.
@Suite struct GoodputTests {
    /// Bytes a second from server to client.
    static func goodput(
        byteCount: Int, lossPerMille: Int = 0, roundTripMilliseconds: Int, bytesPerSecond: Int = 0,
        queueByteCount: Int = 1 << 20, seed: UInt64 = 1
    ) -> Double {
        var back = Impairment()
        back.delayMicroseconds = roundTripMilliseconds * 500
        var there = back
        there.lossPerMille = 0
        back.lossPerMille = lossPerMille
        back.bytesPerSecond = bytesPerSecond
        back.queueByteCount = queueByteCount
        var configuration = Configuration(secret: (seed, seed &+ 1))
        configuration.connectionCapacity = 4
        configuration.maximumReceiveWindow = 8 << 20
        configuration.trustsPartialChecksums = true
        configuration.transmitChecksum = .partial
        var serverTraffic = Traffic()
        serverTraffic.sendByteCount = byteCount
        let client = SimulatedHost(configuration, Traffic(), isServer: false)
        let server = SimulatedHost(configuration, serverTraffic, isServer: true)
        let isListening = server.stack.listen(on: Endpoint(address: .any, port: 80))
        precondition(isListening)
        let simulation = Simulation(client: client, server: server, there, back, seed: seed)
        guard let id = simulation.connect() else { return 0 }
        let start = simulation.now
        simulation.run { client.streams[id]?.peerFinished == true }
        return Double(client.streams[id]?.received ?? 0) / (Double(simulation.now - start) / 1e9)
    }

    /// A row of the stored table: what was measured, in KB/s, when the row was written. The runs are deterministic; the
    /// tolerance is for changes of the code that do not matter.
    struct Row: CustomTestStringConvertible {
        let lossPerMille: Int
        let roundTripMilliseconds: Int
        var bytesPerSecond = 0
        var queueByteCount = 1 << 20
        let kilobytesPerSecond: Double
        var testDescription: String {
            "loss \(lossPerMille)/1000, RTT \(roundTripMilliseconds) ms, \(bytesPerSecond) B/s, queue \(queueByteCount)"
        }
    }

    /// Random loss: the mean of eight seeds. CUBIC is in its Reno-friendly region here, for which RFC 9438 §5.1 has
    /// 1.2 segments / RTT / sqrt(loss): 434 KB/s for 1 % and 40 ms.
    @Test(arguments: [
        Row(lossPerMille: 0, roundTripMilliseconds: 40, kilobytesPerSecond: 7_690),
        Row(lossPerMille: 1, roundTripMilliseconds: 40, kilobytesPerSecond: 5_600),
        Row(lossPerMille: 10, roundTripMilliseconds: 10, kilobytesPerSecond: 1_900),
        Row(lossPerMille: 10, roundTripMilliseconds: 40, kilobytesPerSecond: 500),
        Row(lossPerMille: 10, roundTripMilliseconds: 100, kilobytesPerSecond: 205),
        Row(lossPerMille: 50, roundTripMilliseconds: 40, kilobytesPerSecond: 198),
        Row(lossPerMille: 100, roundTripMilliseconds: 40, kilobytesPerSecond: 118),
    ])
    func randomLoss(row: Row) {
        let seeds = UInt64(1)...8
        let total = seeds.reduce(0.0) {
            $0
                + Self.goodput(
                    byteCount: 4_000_000, lossPerMille: row.lossPerMille,
                    roundTripMilliseconds: row.roundTripMilliseconds,
                    seed: $1)
        }
        let mean = total / Double(seeds.count) / 1_000
        #expect(mean > row.kilobytesPerSecond * 0.85, "\(mean)")
        #expect(mean < row.kilobytesPerSecond * 1.25, "the stored row is out of date: \(mean)")
    }

    /// A bottleneck without random loss: 95.6 % of its rate is payload.
    @Test(arguments: [
        Row(
            lossPerMille: 0, roundTripMilliseconds: 40, bytesPerSecond: 1_250_000, queueByteCount: 50_000,
            kilobytesPerSecond: 1_190),
        Row(
            lossPerMille: 0, roundTripMilliseconds: 20, bytesPerSecond: 12_500_000, queueByteCount: 250_000,
            kilobytesPerSecond: 11_800),
        Row(
            lossPerMille: 0, roundTripMilliseconds: 20, bytesPerSecond: 12_500_000, queueByteCount: 60_000,
            kilobytesPerSecond: 10_700),
        Row(
            lossPerMille: 0, roundTripMilliseconds: 100, bytesPerSecond: 12_500_000, queueByteCount: 1_250_000,
            kilobytesPerSecond: 10_500),
    ])
    func bottleneck(row: Row) {
        let goodput =
            Self.goodput(
                byteCount: 100_000_000, roundTripMilliseconds: row.roundTripMilliseconds,
                bytesPerSecond: row.bytesPerSecond,
                queueByteCount: row.queueByteCount) / 1_000
        #expect(goodput > row.kilobytesPerSecond * 0.93, "\(goodput)")
        #expect(goodput < Double(row.bytesPerSecond) / 1_000, "more than the path carries: \(goodput)")
    }

    /// Jain's index of the shares of flows that start together and share a bottleneck.
    @Test(arguments: [2, 8, 32])
    func fairness(flowCount: Int) {
        var path = Impairment()
        path.delayMicroseconds = 10_000
        path.bytesPerSecond = 12_500_000
        path.queueByteCount = 250_000
        var configuration = Configuration(secret: (5, 6))
        configuration.connectionCapacity = 64
        configuration.trustsPartialChecksums = true
        configuration.transmitChecksum = .partial
        var serverTraffic = Traffic()
        serverTraffic.sendByteCount = 1 << 30
        let client = SimulatedHost(configuration, Traffic(), isServer: false)
        let server = SimulatedHost(configuration, serverTraffic, isServer: true)
        let isListening = server.stack.listen(on: Endpoint(address: .any, port: 80))
        precondition(isListening)
        var back = path
        back.bytesPerSecond = 0
        let simulation = Simulation(client: client, server: server, back, path, seed: 3)
        for flow in 0..<flowCount { _ = simulation.connect(port: UInt16(40_000 + flow)) }
        simulation.run { simulation.now > 9_000_000_000 }
        let shares = client.streams.values.map { Double($0.received) }
        let sum = shares.reduce(0, +)
        let index = sum * sum / (Double(flowCount) * shares.reduce(0) { $0 + $1 * $1 })
        #expect(index > 0.85, "\(shares.map { Int($0 / 1_000) })")
        #expect(sum > 0.8 * 8 * 12_500_000)
    }
}
