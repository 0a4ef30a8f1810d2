import Foundation
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

    /// A row of the stored table `Goodput.txt`: what was measured when the row was written. The runs are
    /// deterministic; the tolerance is for changes of the code that do not matter.
    struct Row: CustomTestStringConvertible {
        let lossPerMille, roundTripMilliseconds, bytesPerSecond, queueByteCount: Int
        let kilobytesPerSecond: Double

        var testDescription: String {
            "loss \(lossPerMille)/1000, RTT \(roundTripMilliseconds) ms, \(bytesPerSecond) B/s, queue \(queueByteCount)"
        }

        static let stored: [Row] = {
            let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goodput.txt")
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
                let fields = line.split(separator: " ").compactMap { Double($0) }
                guard fields.count == 5 else { return nil }
                return Row(
                    lossPerMille: Int(fields[0]), roundTripMilliseconds: Int(fields[1]),
                    bytesPerSecond: Int(fields[2]), queueByteCount: Int(fields[3]), kilobytesPerSecond: fields[4])
            }
        }()

        /// Random losses need several runs for a mean.
        func measured() -> Double {
            let seeds = lossPerMille > 0 ? UInt64(1)...6 : 1...1
            let byteCount = bytesPerSecond > 0 ? min(bytesPerSecond * 6, 60_000_000) : 3_000_000
            let total = seeds.reduce(0.0) {
                $0
                    + GoodputTests.goodput(
                        byteCount: lossPerMille > 0 ? min(byteCount, 3_000_000) : byteCount, lossPerMille: lossPerMille,
                        roundTripMilliseconds: roundTripMilliseconds, bytesPerSecond: bytesPerSecond,
                        queueByteCount: queueByteCount, seed: $1)
            }
            return total / Double(seeds.count) / 1_000
        }
    }

    @Test func theTableIsThere() { #expect(Row.stored.count >= 24) }

    @Test(arguments: Row.stored)
    func storedTable(row: Row) {
        let measured = row.measured()
        let line =
            "\(row.lossPerMille) \(row.roundTripMilliseconds) \(row.bytesPerSecond) \(row.queueByteCount) \(Int(measured))"
        #expect(measured > row.kilobytesPerSecond * 0.85, "slower than stored; measured: \(line)")
        #expect(measured < row.kilobytesPerSecond * 1.2, "the stored row is out of date; measured: \(line)")
        if row.bytesPerSecond > 0 {
            #expect(measured < Double(row.bytesPerSecond) / 1_000, "more than the path carries: \(line)")
        }
    }

    /// CUBIC is in its Reno-friendly region here, for which RFC 9438 §5.1 has 1.2 segments / RTT / sqrt(loss):
    /// 434 KB/s for 1 % and 40 ms. And a bottleneck without losses is used: 95.6 % of its rate is payload.
    @Test func theTableIsNotBad() {
        func row(_ loss: Int, _ time: Int, _ rate: Int, _ queue: Int) -> Double {
            Row.stored.first {
                $0.lossPerMille == loss && $0.roundTripMilliseconds == time && $0.bytesPerSecond == rate
                    && $0.queueByteCount == queue
            }?.kilobytesPerSecond ?? 0
        }
        #expect(row(10, 40, 0, 0) > 434 * 0.9)
        #expect(row(0, 40, 1_250_000, 50_000) > 1_250 * 0.93)
        #expect(row(0, 20, 12_500_000, 250_000) > 12_500 * 0.88)
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
