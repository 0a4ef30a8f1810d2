import ControlAPI
import Handover

/// From the counters of an NF to what the control API says.
///
/// The NF writes what it likes: every one of these is a number and no more. Whoever adds some up does it with
/// `clampedSum`; nothing here or in the manager does arithmetic on one, takes it for an index, or believes it.
extension NFStatus {
    mutating func take(_ process: any NetworkFunctionProcess) {
        connections = process.read(.connections)
        accepted = process.read(.accepted)
        closed = process.read(.closed)
        requests = process.read(.requests)
        rxPackets = process.read(.rxPackets)
        txPackets = process.read(.txPackets)
        rxBytes = process.read(.rxBytes)
        txBytes = process.read(.txBytes)
        for (field, name) in TelemetryField.dropCauses { drops[name] = process.read(field) }
        for (position, name) in TCPVocabulary.counters.enumerated() {
            tcp[name.snakeCase] = process.readCounter(position)
        }
        for (position, name) in TCPVocabulary.drops.enumerated() {
            tcpDrops[name.snakeCase] = process.readDrop(position)
        }
        for field in Self.furtherFields { telemetry["\(field)".snakeCase] = process.read(field) }
    }

    private static let furtherFields: [TelemetryField] = [
        .heartbeat, .asleep, .wakeups, .lastActivity, .framesTotal, .framesFree, .framesInFlight, .kicks, .kickRetries,
        .retransmittedSegments, .retransmissionTimeouts, .fastRecoveries, .duplicateAcknowledgments,
        .outOfOrderSegments, .challengeAcknowledgments, .resetsSent, .resetsReceived, .xskTxRingEmpty,
        .logLinesDropped,
    ]
}
