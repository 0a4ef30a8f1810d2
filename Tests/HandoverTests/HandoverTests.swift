import Glibc
import Linux
import Testing
import XSK

@testable import Handover

@Suite struct HandoverTests {
    private static let layout = UMEMLayout(
        chunkByteCount: 2048, receiveChunks: 512, transmitChunks: 256, chunksPerTransmitFrame: 1,
        transmitMetadataByteCount: 24)

    private static let grant = Grant(
        function: "web-server", service: "wéb", slot: 7, layout: layout, mtu: 1500,
        features: [.virtualPort, .checksumOffload], configuration: "listen=10.0.0.1:80\nindex=index.html\n")

    @Test(arguments: [(-1, -1), (3, -1), (-1, 3), (3, 3)] as [(CInt, CInt)])
    func aGrantArrivesWhole(root: Int32, log: Int32) throws {
        let pair = try SequencedSocket.pair()
        let manager = NFChannel(pair.first)
        let end = NFEnd(pair.second)
        let file = try FileDescriptor(opening: "/dev/null", flags: O_RDONLY)
        let raw = file.rawValue
        try manager.grant(
            Self.grant,
            descriptors: GrantDescriptors(
                xsk: raw, umem: raw, telemetry: raw, root: root < 0 ? -1 : raw, log: log < 0 ? -1 : raw,
                errors: log < 0 ? -1 : raw))
        let (received, descriptors) = try end.receiveGrant()
        #expect(received == Self.grant)
        #expect((descriptors.root >= 0) == (root >= 0))
        #expect((descriptors.log >= 0) == (log >= 0))
        #expect((descriptors.errors >= 0) == (log >= 0))
        let all = [
            descriptors.xsk, descriptors.umem, descriptors.telemetry, descriptors.root, descriptors.log, descriptors.errors,
        ]
            .filter { $0 >= 0 }
        #expect(Set(all).count == all.count && !all.contains(raw))
        for descriptor in all { _ = close(descriptor) }
    }

    @Test func reportsAndCommandsAnswerEachOther() throws {
        let pair = try SequencedSocket.pair()
        let manager = NFChannel(pair.first)
        let end = NFEnd(pair.second)
        let nothing = try manager.nextReport()
        #expect(nothing == nil)
        try end.reportReady()
        end.reportFailure("no root")
        let ready = try manager.nextReport()
        let failed = try manager.nextReport()
        #expect(ready == .ready && failed == .failed("no root"))
        try manager.send(.run)
        try manager.send(.drain)
        let run = try end.nextCommand()
        let drain = try end.nextCommand()
        #expect(run == .run && drain == .drain)
    }

    @Test func aGoneNFIsReportedAsSuch() throws {
        let pair = try SequencedSocket.pair()
        let manager = NFChannel(pair.first)
        try pair.second.close()
        #expect(throws: HandoverError.peerGone) { _ = try manager.nextReport() }
    }

    @Test func theZygoteIsToldAndTells() throws {
        let pair = try SequencedSocket.pair()
        let nf = try SequencedSocket.pair()
        let client = ZygoteClient(pair.first)
        let server = ZygoteServer(pair.second)
        let request = SpawnRequest(
            token: 0xFFFF_FFFF_0000_0001, userID: 1_900_000_001, cpu: -1, niceness: -7, hasUnifiedGroup: true)
        let null = try FileDescriptor(opening: "/dev/null", flags: O_WRONLY)
        let zero = try FileDescriptor(opening: "/dev/zero", flags: O_RDONLY)
        try client.spawn(request, channel: nf.second, groups: [null.rawValue, zero.rawValue])
        let (received, channel, groups) = try #require(try server.nextRequest())
        #expect(received == request)
        #expect(groups.map(Self.device) == [Self.device(null.rawValue), Self.device(zero.rawValue)])
        for group in groups { _ = close(group) }
        try server.reportSpawned(token: received.token, pid: 42, pidfd: channel)
        try server.reportExited(pid: 42, status: 9)
        try server.reportSpawnFailed(token: 3, errno: EAGAIN)
        guard case .spawned(let token, let pid, let pidfd) = try client.nextReport() else {
            Issue.record("no spawned report")
            return
        }
        #expect(token == request.token && pid == 42 && fcntl(pidfd, F_GETFD) >= 0)
        _ = close(pidfd)
        _ = close(channel)
        #expect(try client.nextReport() == .exited(pid: 42, status: 9))
        #expect(try client.nextReport() == .spawnFailed(token: 3, errno: EAGAIN))
    }

    private static func device(_ descriptor: CInt) -> UInt {
        var information = stat()
        _ = unsafe fstat(descriptor, &information)
        return UInt(information.st_rdev)
    }

    /// A hostile NF may send anything; the manager must get an error, never a trap.
    @Test func rubbishIsAnError() throws {
        var generator = SystemRandomNumberGenerator()
        for length in 1..<300 {
            let pair = try SequencedSocket.pair()
            let manager = NFChannel(pair.first)
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Half of the time with a valid start, so that the fields behind it are reached.
            if length % 2 == 0, length >= 4 { bytes.replaceSubrange(0..<4, with: [1, 0, 18, 0]) }
            try pair.second.send(bytes)
            do {
                let report = try manager.nextReport()
                if case .failed = report { continue }
                #expect(bytes.starts(with: [1, 0, 17, 0]), "accepted \(bytes)")
            } catch {
                #expect(error != .peerGone)
            }
        }
    }

    @Test func telemetryIsSeenOnTheOtherSide() throws {
        let memory = try Telemetry.createMemory()
        let writer = try Telemetry(mapping: memory)
        let reader = try Telemetry(mapping: memory)
        writer[.connections] = 5
        writer.add(3, to: .connections)
        let seen = reader[.connections]
        #expect(seen == 8)
        #expect(TelemetryField.allCases.map(\.rawValue).max()! < Telemetry.byteCount / 8)
    }
}
