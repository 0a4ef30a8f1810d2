import PacketHeaders

/// The endpoints listened on: few, so they are searched one by one.
struct Listeners: ~Copyable {
    private let endpoints: MappedTable<Endpoint>
    private var count: UInt32 = 0

    init(capacity: Int) { endpoints = MappedTable(capacity: max(1, capacity)) }

    /// False when the table is full. An endpoint that is there already is not added twice.
    mutating func append(_ endpoint: Endpoint) -> Bool {
        for index in 0..<count where endpoints.elements[index] == endpoint { return true }
        guard count < endpoints.capacity else { return false }
        endpoints.elements[count] = endpoint
        count &+= 1
        return true
    }

    func contains(_ address: Address, port: UInt16) -> Bool {
        for index in 0..<count where endpoints.elements[index].port == port {
            if endpoints.elements[index].address == address || endpoints.elements[index].address == .any { return true }
        }
        return false
    }
}
