public import Handover

extension NFStart {
    /// The page in which an NF with a loop of its own shows that it lives: its heartbeat, or that it sleeps. Call it
    /// before the sandbox.
    public func openTelemetry() throws(NFStartError) -> Telemetry {
        do {
            return try Telemetry(mapping: telemetryMemory)
        } catch {
            throw NFStartError("the telemetry page: \(error)")
        }
    }
}
