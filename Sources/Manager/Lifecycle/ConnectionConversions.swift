import ControlAPI
import Handover

/// From the words of an NF, which may be anything, to what the control API says.
extension ConnectionList {
    init(slot: UInt32, _ snapshot: ConnectionSnapshot) {
        self.init(
            slot: slot, requested: snapshot.requested, answered: snapshot.answered,
            connections: snapshot.records.map(ConnectionStatus.init))
    }
}

extension ConnectionStatus {
    init(_ record: ConnectionRecord) {
        self.init(
            id: "\(record[.index]).\(record[.generation])",
            peer: Self.endpoint(record, .peerHigh, .peerLow, .peerPort),
            local: Self.endpoint(record, .localHigh, .localLow, .localPort),
            state: TCPVocabulary.name(record[.state], in: TCPVocabulary.states).snakeCase,
            recovery: TCPVocabulary.name(record[.recovery], in: TCPVocabulary.recoveryPhases),
            options: TCPVocabulary.names(record[.options], in: TCPVocabulary.options).map(\.snakeCase),
            timers: TCPVocabulary.names(record[.timers], in: TCPVocabulary.timers).map(\.snakeCase),
            values: Dictionary(
                uniqueKeysWithValues: ConnectionField.numbers.map { ("\($0)".snakeCase, record[$0]) }),
            eventCount: record[.eventCount], events: record.events.map(ConnectionEvent.init))
    }

    private static func endpoint(
        _ record: ConnectionRecord, _ high: ConnectionField, _ low: ConnectionField, _ port: ConnectionField
    ) -> String {
        // The words are as they lie in a packet.
        IPAddress(high: UInt64(bigEndian: record[high]), low: UInt64(bigEndian: record[low]))
            .description(port: UInt16(truncatingIfNeeded: record[port]))
    }
}

extension ConnectionEvent {
    init(_ event: ConnectionRecord.Event) {
        let name = TCPVocabulary.name(event.kind, in: TCPVocabulary.events)
        self.init(
            instant: event.instant, event: name.snakeCase, argument: event.argument,
            meaning: TCPVocabulary.meaning(of: name, event.argument)?.snakeCase)
    }
}
