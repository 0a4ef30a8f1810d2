import PacketHeaders
import TCPStack
import Testing

@testable import NetworkFunction

@Suite struct WorkerOptionsTests {
    static let address = Address(ipv4: UInt32(bigEndian: 0x0A00_0001))
    static let otherAddress = Address(ipv4: UInt32(bigEndian: 0x0A00_0002))

    @Test func ownOptionsAreTakenAndOthersLeft() throws {
        let (options, rest) = try WorkerOptions.parse(
            "listen=10.0.0.1:80\nlisten=[fd77::1]:8080\nindex=a=b\nconnections=12\nspin_us=30\nreceive_pool_kib=64\n")
        #expect(options.endpoints.map(\.port) == [80, 8080])
        #expect(options.endpoints[0].address == Self.address)
        #expect(!options.endpoints[1].address.isIPv4)
        #expect(options.connectionCapacity == 12 && options.spinMicroseconds == 30)
        #expect(options.receivePoolByteCount == 65_536)
        #expect(rest == "index=a=b\n")
    }

    @Test func aStarIsEveryAddress() throws {
        let (options, _) = try WorkerOptions.parse("listen=*:80\n")
        #expect(options.endpoints == [Endpoint(address: .any, port: 80)])
    }

    @Test(arguments: [
        ("", "no listen= line"), ("listen=10.0.0.1\n", "expected ADDRESS:PORT"),
        ("listen=10.0.0.1:0\n", "expected ADDRESS:PORT"), ("listen=10.0.0:80\n", "not an IPv4 or IPv6 address"),
        ("listen=a:99999\n", "expected ADDRESS:PORT"), ("nonsense\n", "key=value"),
        ("listen=*:80\nconnections=0\n", "from 1 to"), ("listen=*:80\nconnections=x\n", "expected a number"),
    ])
    func mistakesAreNamed(lines: String, message: String) {
        do {
            _ = try WorkerOptions.parse(lines)
            Issue.record("accepted \(lines)")
        } catch {
            #expect(error.description.contains(message), "\(error)")
        }
    }
}

@Suite struct ConnectionTableTests {
    @Test func aStaleIdentityIsUnknown() throws {
        var table = try ConnectionTable<UInt64>(capacity: 4)
        let first = ConnectionID(index: 2, generation: 1)
        table.insert(11, for: first)
        let known = table.contains(first)
        let value = table[first]
        #expect(known && value == 11)
        table.remove(first)
        let gone = table.contains(first)
        let second = ConnectionID(index: 2, generation: 2)
        table.insert(12, for: second)
        let stale = table.contains(first)
        table.remove(first)
        let stillThere = table.contains(second)
        #expect(!gone && !stale && stillThere)
        let never = table.connection(at: 3)
        #expect(never == nil)
    }
}
