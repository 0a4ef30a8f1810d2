import Handover
import Testing

@testable import TCPStack

/// The SYN gate offers in the stack's place what the stack would.
@Suite struct HandshakeOfferTests {
    @Test func theShiftIsTheStacks() {
        var configuration = Configuration(secret: (1, 2))
        configuration.initialReceiveWindow = HandshakeOffer.initialReceiveWindow
        configuration.maximumReceiveWindow = HandshakeOffer.maximumReceiveWindow
        #expect(configuration.receiveShift == HandshakeOffer.windowShift)
        #expect(HandshakeOffer.initialReceiveWindow <= 65_535, "the window of a SYN,ACK is not scaled")
        #expect(configuration.usesTimestamps && configuration.usesSelectiveAcknowledgment)
    }
}
