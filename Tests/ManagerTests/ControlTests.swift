import ControlAPI
import Foundation
import Glibc
import Linux
import Logging
import Testing

@testable import Manager

/// A control server on a loop that the test turns, and plain sockets against it.
final class ControlScene {
    let loop: EventLoop
    let path: String
    private var server: ControlServer!
    var answers = 0

    init(answer: @escaping (ControlRequest) -> ControlResponse = { _ in ControlResponse() }) throws {
        loop = try EventLoop()
        path = "/tmp/onvm-control-\(UUID().uuidString).sock"
        server = try ControlServer(
            path: path, loop: loop, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { [unowned self] request in
            answers += 1
            return answer(request)
        }
    }

    deinit { server.close() }

    func connect() throws -> FileDescriptorBox { FileDescriptorBox(try UnixSocket.connect(path: path)) }

    func turn(_ count: Int = 20) throws {
        for _ in 0..<count { try loop.run(until: .now) }
    }

    func send(_ bytes: [UInt8], to client: FileDescriptorBox) {
        _ = unsafe Glibc.send(client.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
    }

    func send(_ text: String, to client: FileDescriptorBox) { send(Array(text.utf8), to: client) }

    /// What has arrived; nil at the end of the stream.
    func received(_ client: FileDescriptorBox) throws -> String? {
        try turn()
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe recv(client.rawValue, &bytes, bytes.count, CInt(MSG_DONTWAIT))
        if count == 0 { return nil }
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}

@Suite struct ControlTests {
    static let errors: [(String, String)] = [
        ("", "malformed"), ("hello", "malformed"), ("{}", "malformed"), ("[]", "malformed"), ("null", "malformed"),
        ("{\"version\":1}", "malformed"), ("{\"command\":\"status\"}", "malformed"),
        ("{\"version\":\"1\",\"command\":\"status\"}", "malformed"),
        ("{\"version\":2,\"command\":\"status\"}", "unsupported_version"),
        ("{\"version\":1,\"command\":\"reboot\"}", "unknown_command"),
        ("{\"version\":1,\"command\":7}", "malformed"),
        ("{\"version\":1,\"command\":\"nf.kill\",\"slot\":-1}", "malformed"),
        ("{\"version\":1,\"command\":\"nf.kill\",\"slot\":1e99}", "malformed"),
        ("{\"version\":1,\"command\":\"nf.kill\",\"slot\":\"x\"}", "malformed"),
        ("{\"version\":99999999999999999999999,\"command\":\"status\"}", "malformed"),
        (String(repeating: "[", count: 4_000), "malformed"),
        ("{\"version\":1,\"command\":\"status\"", "malformed"),
        ("\u{0}\u{0}\u{0}", "malformed"),
    ]

    @Test(arguments: errors)
    func rubbishGetsAnErrorAndTheConnectionGoesOn(_ row: (String, String)) throws {
        let scene = try ControlScene()
        let client = try scene.connect()
        scene.send(row.0 + "\n", to: client)
        let text = try #require(try scene.received(client))
        let response = try ControlAPI.decode(ControlResponse.self, from: Data(text.utf8))
        #expect(response.error?.code.rawValue == row.1)
        #expect(text.last == "\n" && text.count { $0 == "\n" } == 1)
        #expect(scene.answers == 0)
        scene.send("{\"version\":1,\"command\":\"status\"}\n", to: client)
        #expect(try scene.received(client) == "{\"version\":1}\n")
    }

    @Test func bytesThatAreNoTextGetAnError() throws {
        let scene = try ControlScene()
        let client = try scene.connect()
        scene.send([0xFF, 0xFE, 0xC0, 0x80, 0x0A], to: client)
        #expect(try scene.received(client)?.contains("malformed") == true)
    }

    @Test func aLineWithoutEndIsCutOff() throws {
        let scene = try ControlScene()
        let client = try scene.connect()
        scene.send([UInt8](repeating: 0x20, count: 100_000), to: client)
        #expect(try scene.received(client)?.contains("longer than 4096 bytes") == true)
        #expect(try scene.received(client) != "more")
        #expect(try scene.received(client) == nil || errno == ECONNRESET)
    }

    @Test func aRequestMayComeInPieces() throws {
        let scene = try ControlScene()
        let client = try scene.connect()
        for byte in "{\"version\":1,\"command\":\"status\"}\n".utf8 {
            #expect(try scene.received(client) == "")
            scene.send([byte], to: client)
        }
        #expect(try scene.received(client) == "{\"version\":1}\n")
    }

    @Test func severalRequestsGetTheirAnswersInOrder() throws {
        var slots: [UInt32?] = []
        let scene = try ControlScene { request in
            slots.append(request.slot)
            return ControlResponse()
        }
        let client = try scene.connect()
        let lines = (0..<50).map { "{\"version\":1,\"command\":\"nf.kill\",\"slot\":\($0)}\n" }.joined()
        scene.send(lines, to: client)
        #expect(try scene.received(client)?.count { $0 == "\n" } == 50)
        #expect(slots == (0..<50).map { UInt32($0) })
    }

    /// A client that always has another request, and reads every answer.
    @Test func aFloodOfRequestsIsServedAFewATurn() throws {
        let scene = try ControlScene()
        let (flood, other) = (try scene.connect(), try scene.connect())
        try scene.turn(2)
        scene.send(String(repeating: "{\"version\":1,\"command\":\"status\"}\n", count: 2_000), to: flood)
        scene.send("{\"version\":1,\"command\":\"status\"}\n", to: other)
        try scene.turn(1)
        #expect(scene.answers == ControlConnection.requestsPerTurn + 1)
        #expect(try scene.received(other) == "{\"version\":1}\n")
        for _ in 0..<100 where scene.answers < 2_001 { _ = try scene.received(flood) }
        #expect(scene.answers == 2_001, "and none is lost")
    }

    @Test func aClientThatDoesNotReadHoldsUpNobody() throws {
        let large = ControlResponse(error: ControlError(.failed, String(repeating: "x", count: 1 << 20)))
        let scene = try ControlScene { _ in large }
        let slow = try scene.connect()
        for _ in 0..<200 {
            scene.send("{\"version\":1,\"command\":\"status\"}\n", to: slow)
            try scene.turn(1)
        }
        // One response is held for it; further requests wait unread.
        #expect(scene.answers <= 2)
        let other = try scene.connect()
        scene.send("{\"version\":1,\"command\":\"status\"}\n", to: other)
        #expect(try scene.received(other)?.hasPrefix("{\"error\"") == true)
    }

    @Test func moreClientsThanThereIsRoomForPushOutTheOldest() throws {
        let scene = try ControlScene()
        let clients = try (0..<ControlServer.Limit.connections + 8).map { _ in
            let client = try scene.connect()
            try scene.turn(2)
            return client
        }
        #expect(try scene.received(clients[0]) == nil)
        scene.send("{\"version\":1,\"command\":\"status\"}\n", to: clients.last!)
        #expect(try scene.received(clients.last!) == "{\"version\":1}\n")
    }

    @Test func aClientThatLeavesInTheMiddleIsForgotten() throws {
        let scene = try ControlScene { _ in
            ControlResponse(error: ControlError(.failed, String(repeating: "x", count: 1 << 20)))
        }
        for _ in 0..<100 {
            let client = try scene.connect()
            scene.send("{\"version\":1,\"command\":\"status\"}\n{\"ver", to: client)
            try scene.turn(2)
        }
        try scene.turn()
        let client = try scene.connect()
        scene.send("{\"version\":1,\"command\":\"status\"}\n", to: client)
        #expect(try scene.received(client)?.isEmpty == false)
    }

    @Test func theSocketIsTheOwnersOnly() throws {
        let scene = try ControlScene()
        var information = stat()
        #expect(unsafe stat(scene.path, &information) == 0)
        #expect(information.st_mode & 0o777 == 0o600)
    }
}
