import ControlAPI
import Foundation
import Glibc
import Handover
import Linux
import Manager
import TestSupport

/// A message to each end of the handover channels, with up to seven descriptors: understood or refused, and none of
/// them is left open.
func fuzzHandover(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let message = Array(bytes.dropFirst())
    do {
        let watched = try WatchedDescriptor()
        try handOver(message, descriptors: [CInt](repeating: watched.rawValue, count: Int(first & 7)), to: first >> 3 & 7)
        require(watched.isClosedEverywhere(), "a descriptor is left open")
    } catch {
        // An empty message or too many bytes for the socket.
    }
}

/// Sends to one of the six ends, and closes what it gave its caller.
private func handOver(_ message: [UInt8], descriptors: [CInt], to role: UInt8) throws {
    let pair = try SequencedSocket.pair()
    try pair.first.send(message, descriptors: descriptors)
    let copy = SequencedSocket(owning: try pair.second.descriptor.duplicate())
    var received: [CInt] = []
    switch role {
    case 0:
        let report = try? NFChannel(copy).nextReport()
        _ = report
    case 1:
        guard case .spawned(_, _, let pidfd) = try? ZygoteClient(copy).nextReport() else { return }
        received = [pidfd]
    case 2:
        guard let (_, all) = try? NFEnd(copy).receiveGrant() else { return }
        received = [all.xsk, all.umem, all.telemetry, all.root, all.log, all.tap, all.errors].filter { $0 >= 0 }
    case 4:
        let report = try? LogWriterClient(copy).nextReport()
        _ = report
    case 5:
        switch try? LogWriterServer(copy).nextCommand() {
        case .output(_, let descriptor), .source(_, let descriptor): received = [descriptor]
        default: return
        }
    default:
        guard let (_, channel, groups) = try? ZygoteServer(copy).nextRequest() else { return }
        received = [channel] + groups
    }
    for descriptor in received { _ = close(descriptor) }
}

/// A line on the control socket.
func fuzzControl(_ bytes: [UInt8]) {
    guard bytes.count <= ControlAPI.requestByteCount else { return }
    if let request = try? ControlAPI.decodeRequest(Data(bytes)) {
        require(request.version == ControlAPI.version, "a request of version \(request.version) was taken")
    }
}

/// The text of a topology file: an answer, or a diagnostic that says where.
func fuzzTopology(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    do {
        _ = try Topology.parse(text, file: "fuzz.yaml")
    } catch let error as TopologyError {
        require(!error.diagnostics.isEmpty, "refused without a reason")
    } catch {
        fatalError("an error without a place: \(error)")
    }
}
