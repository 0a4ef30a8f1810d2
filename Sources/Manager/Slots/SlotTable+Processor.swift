import Logging

/// NFs that keep a core busy for nothing.
extension SlotTable {
    func watchProcessor(_ id: UInt32, _ process: any NetworkFunctionProcess, at now: MonotonicTime) {
        guard let used = process.processorNanoseconds else { return }
        let changes = self[id].processor.look(
            used: used, at: now, waited: { process.waitedNanoseconds }, frames: { steering.frameCount(slot: id) })
        guard changes else { return }
        let isLowered = self[id].processor.isLowered
        do {
            try process.setWeight(isLowered: isLowered)
        } catch {
            return log.error("\(name(id)): cannot change its share of the CPU: \(error)")
        }
        let metadata: Logger.Metadata = ["pid": "\(self[id].pid ?? 0)"]
        guard isLowered else { return log.info("\(name(id)): the NF rests again: all of its weight", metadata: metadata) }
        log.notice(
            "\(name(id)): the NF keeps a core busy and has few frames: a tenth of its weight until it rests",
            metadata: metadata)
    }
}
