import ControlAPI
import Foundation
import Glibc
import Handover
import Linux
import Manager

/// A message to each end of the handover channels, with up to seven descriptors: understood or refused, and none of
/// them is left open.
func fuzzHandover(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let message = Array(bytes.dropFirst())
    do {
        let pair = try SequencedSocket.pair()
        let null = try FileDescriptor(opening: "/dev/null", flags: O_RDONLY)
        let attached = [CInt](repeating: null.rawValue, count: Int(first & 7))
        let before = lowestFreeDescriptor()
        try pair.first.send(message, descriptors: attached)
        try receive(first >> 3 & 3, pair.second)
        require(lowestFreeDescriptor() == before, "a descriptor is left open")
    } catch {
        // An empty message or too many bytes for the socket.
    }
}

private func receive(_ role: UInt8, _ socket: borrowing SequencedSocket) throws {
    let copy = SequencedSocket(owning: try socket.descriptor.duplicate())
    switch role {
    case 0:
        let report = try? NFChannel(copy).nextReport()
        _ = report
    case 1:
        guard let report = try? ZygoteClient(copy).nextReport() else { return }
        if case .spawned(_, _, let descriptor) = report { _ = close(descriptor) }
    case 2:
        guard let (_, descriptors) = try? NFEnd(copy).receiveGrant() else { return }
        for descriptor in [
            descriptors.xsk, descriptors.umem, descriptors.telemetry, descriptors.root, descriptors.log,
        ] where descriptor >= 0 { _ = close(descriptor) }
    default:
        guard let (_, channel) = try? ZygoteServer(copy).nextRequest() else { return }
        _ = close(channel)
    }
}

private func lowestFreeDescriptor() -> CInt {
    let descriptor = dup(0)
    _ = close(descriptor)
    return descriptor
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
