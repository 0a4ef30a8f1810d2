import ControlAPI
import Handover
import Linux
import Testing

@testable import Manager

/// What an NF says of its connections is not believed, only shown.
@Suite struct ConnectionListTests {
    @Test func aRecordIsReadAsItWasMeant() {
        var record = ConnectionRecord()
        record[.index] = 3
        record[.generation] = 5
        record[.peerLow] = UInt64(0x0000_FFFF_0A4D_0002 as UInt64).bigEndian
        record[.peerPort] = 40_001
        record[.localHigh] = (0xFD77_0000_0000_0000 as UInt64).bigEndian
        record[.localLow] = (1 as UInt64).bigEndian
        record[.localPort] = 80
        record[.state] = 3
        record[.options] = 0b101
        record[.congestionWindow] = 14_480
        let status = ConnectionStatus(record)
        #expect(status.id == "3.5" && status.peer == "10.77.0.2:40001" && status.local == "[fd77::1]:80")
        #expect(status.state == "established" && status.options == ["timestamps", "window_scale"])
        #expect(status.values["congestion_window"] == 14_480 && status.events.isEmpty)
    }

    /// The NF writes the memory while the manager reads it: every word may be anything.
    @Test func wordsOfAHostileNFHarmNobody() throws {
        let memory = try Telemetry.createMemory()
        let region = try MappedRegion(memory, byteCount: Telemetry.byteCount)
        let telemetry = try Telemetry(mapping: memory)
        var random = SystemRandomNumberGenerator()
        for fill in [UInt64.max, 1 << 63, 0x8080_8080_8080_8080] + (0..<10).map({ _ in random.next() }) {
            for word in 0..<Telemetry.byteCount / 8 {
                let value = word % 3 == 0 ? random.next() : fill
                unsafe region.base.storeBytes(of: value, toByteOffset: word * 8, as: UInt64.self)
            }
            let list = ConnectionList(slot: 1, telemetry.connections)
            #expect(list.connections.count <= Telemetry.connectionCapacity)
            #expect(list.connections.allSatisfy { $0.events.count <= ConnectionRecord.eventCapacity })
            #expect(try !ControlAPI.encode(list).isEmpty)
        }
    }

    @Test(arguments: [
        ("framesInFlight", "frames_in_flight"), ("pathMTU", "path_mtu"), ("pathMTUReductions", "path_mtu_reductions"),
        ("notTCP", "not_tcp"), ("ipv4Checksum", "ipv4_checksum"), ("finWait1", "fin_wait1"),
        ("rxPackets", "rx_packets"),
    ]) func namesBecomeThoseOfJSON(_ name: String, _ expected: String) { #expect(name.snakeCase == expected) }
}
