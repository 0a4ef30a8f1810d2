import ControlAPI
import Foundation
import Glibc
import Handover
import Linux
import Testing
import XSK

@testable import Manager
@testable import onvm

/// An NF that was taken over writes what it likes into its telemetry page: the whole way from there to what a person
/// sees takes any number.
@Suite struct HostileNumbersTests {
    /// A page whose every word is `word(index)`, and the process that it belongs to.
    final class Liar: NetworkFunctionProcess {
        private let telemetry: Telemetry

        init(_ word: (Int) -> UInt64) throws {
            let memory = try Telemetry.createMemory()
            var words: [UInt64] = []
            for index in 0..<Telemetry.byteCount / 8 { words.append(word(index)) }
            let written = unsafe words.withUnsafeBytes { unsafe pwrite(memory.rawValue, $0.baseAddress, $0.count, 0) }
            precondition(written == Telemetry.byteCount)
            telemetry = try Telemetry(mapping: memory)
        }

        var userID: UInt32 { 1_900_000_000 }
        var socket: CInt { -1 }
        func bind(interfaceIndex: UInt32) throws(XSKError) {}
        func run() throws {}
        func drain() {}
        func kill() {}
        var processorNanoseconds: UInt64? { nil }
        var waitedNanoseconds: UInt64 { 0 }
        func setWeight(isLowered: Bool) {}
        var wasKilledForMemory: Bool { false }
        func read(_ field: TelemetryField) -> UInt64 { telemetry[field] }
        func readCounter(_ position: Int) -> UInt64 { telemetry.counter(position) }
        func readDrop(_ position: Int) -> UInt64 { telemetry.drop(position) }
        func requestConnections() { telemetry.requestConnections() }
        var connections: ConnectionSnapshot { telemetry.connections }
        func close() {}
    }

    private static func status(_ liars: [Liar], uptime: Double = 5) -> Status {
        let functions = liars.enumerated().map { index, liar in
            var function = NFStatus(slot: UInt32(index), service: "web", state: .bound, uid: 1_900_000_000)
            function.pid = 7
            function.client = "10.0.0.1"
            function.take(liar)
            return function
        }
        return Status(
            instance: "web",
            manager: ManagerStatus(
                pid: 1, zygotePid: 2, version: "0", uptimeSeconds: uptime, topology: "a\u{1B}[2J.yaml", netns: "red",
                state: .running),
            ports: [
                PortStatus(device: "p\u{1B}[31m0", index: 7, driver: "veth", mode: "native", queues: 1, mtu: 1500)
            ],
            services: [
                ServiceStatus(
                    id: 1, name: "web", function: "web-server", listen: ["10.77.0.1:80"], isolation: "client", idle: 4,
                    bound: 1, starting: 0, max: 256, overflow: "refuse",
                    overflowCounts: ["refused": .max, "shared": .max], counters: [:], ended: [:])
            ],
            nfs: functions, counters: [:])
    }

    /// Everything that prints.
    private static func texts(_ status: Status, before: Status, _ lists: [ConnectionList]) -> [String] {
        var top = TopView(previous: before)
        return [
            StatusTable.text(of: status), StatusTable.networkFunctions(status.nfs), StatusTable.connections(status.nfs),
            top.text(of: status, rows: 40), top.text(of: before, rows: .max),
        ] + lists.map(ConnectionTable.text) + lists.flatMap { $0.connections.map(ConnectionTable.events) }
    }

    private static func show(_ liars: [Liar], before: [Liar]) throws -> [String] {
        // As it goes over the socket.
        let now = ControlResponse(status: status(liars))
        let decoded = try ControlAPI.decode(ControlResponse.self, from: try ControlAPI.encode(now))
        #expect(decoded == now)
        let lists = try liars.enumerated().map { slot, liar in
            liar.requestConnections()
            let list = ControlResponse(connections: ConnectionList(slot: UInt32(slot), liar.connections))
            let decoded = try ControlAPI.decode(ControlResponse.self, from: try ControlAPI.encode(list))
            #expect(decoded == list)
            return try #require(decoded.connections)
        }
        return texts(try #require(decoded.status), before: status(before, uptime: 4), lists)
    }

    @Test func allOnes() throws {
        let liars = try (0..<3).map { _ in try Liar { _ in .max } }
        let texts = try Self.show(liars, before: try (0..<3).map { _ in try Liar { _ in 0 } })
        #expect(texts[0].contains("\(UInt64.max)"))
        _ = try Self.show(liars, before: liars)
    }

    @Test func randomWords() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<30 {
            let interesting: [UInt64] = [0, 1, .max, .max - 1, 1 << 63, 1 << 32, UInt64(UInt32.max), UInt64(Int64.max)]
            let liars = try (0..<2).map { _ in
                try Liar { _ in
                    Bool.random(using: &random) ? interesting.randomElement(using: &random)! : random.next()
                }
            }
            _ = try Self.show(liars, before: liars.reversed())
        }
    }

    @Test func nothingReachesTheTerminalButText() throws {
        for text in try Self.show([try Liar { _ in .max }], before: [try Liar { _ in 0 }]) {
            let isText = text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
            #expect(isText, "\(text.debugDescription)")
        }
    }

    @Test(arguments: [-1, 0, .infinity, -.infinity, .nan, 1e300, 5] as [Double])
    func anyDurationIsShown(_ seconds: Double) {
        #expect(!StatusTable.duration(seconds).isEmpty)
    }

    @Test func sumsStopAtTheLargestNumber() {
        #expect([UInt64.max, 1, 7].clampedSum == .max)
        #expect([1, 2, 3].clampedSum == 6)
        #expect([UInt64]().clampedSum == 0)
    }

    @Test func controlCharactersAreWrittenOut() {
        let shown = #"a\u{1B}[2J\u{A}\u{D}\u{7F}\u{9B}\u{202E}ü漢😀"#
        #expect("a\u{1B}[2J\n\r\u{7F}\u{9B}\u{202E}ü漢😀".printable() == shown)
        #expect(String(repeating: "x", count: 1_000).printable(limit: 3) == "xxx…")
    }
}
