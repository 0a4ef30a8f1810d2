import Testing
import XSK

@Suite struct UMEMLayoutTests {
    @Test(arguments: [
        // mtu, frames, multi-buffer, metadata -> chunk, receive, transmit, chunks a frame
        (1500, 1024, false, false, 2048, 512, 240, 1),
        (1500, 1024, true, true, 2048, 512, 240, 1),
        (1500, 300, true, true, 2048, 128, 128, 1),
        (3498, 1024, false, false, 4096, 512, 240, 1),
        (9000, 1024, true, true, 4096, 512, 510, 3),
        (9000, 4096, true, true, 4096, 2048, 720, 3),
        (9000, 128, true, true, 4096, 64, 192, 3),
    ] as [(UInt32, UInt32, Bool, Bool, UInt32, UInt32, UInt32, UInt32)])
    func framesFit(
        mtu: UInt32, frames: UInt32, multiBuffer: Bool, metadata: Bool, chunk: UInt32, receive: UInt32,
        transmit: UInt32, perFrame: UInt32
    ) throws {
        let layout = try #require(
            UMEMLayout.fitting(mtu: mtu, frames: frames, multiBuffer: multiBuffer, transmitMetadata: metadata))
        #expect(layout.chunkByteCount == chunk)
        #expect(layout.receiveChunks == receive)
        #expect(layout.transmitChunks == transmit)
        #expect(layout.chunksPerTransmitFrame == perFrame)
        #expect(layout.transmitFrameByteCount - layout.transmitMetadataByteCount >= mtu + 18)
        #expect(layout.transmitRingSlots >= layout.transmitChunks)
        #expect(layout.transmitRingSlots.nonzeroBitCount == 1)
    }

    @Test func aFrameThatNeedsSeveralChunksNeedsMultiBuffer() {
        #expect(UMEMLayout.fitting(mtu: 9000, frames: 1024, multiBuffer: false, transmitMetadata: false) == nil)
        let largest = UMEMLayout.largestSingleBufferMTU
        #expect(UMEMLayout.fitting(mtu: largest, frames: 1024, multiBuffer: false, transmitMetadata: false) != nil)
        #expect(UMEMLayout.fitting(mtu: largest + 1, frames: 1024, multiBuffer: false, transmitMetadata: false) == nil)
    }
}

@Suite struct TransmitPoolTests {
    @Test func theFrameUsedLastComesFirst() {
        var pool = TransmitPool(frameCount: 3)
        let taken = [pool.take(), pool.take(), pool.take(), pool.take()]
        #expect(taken == [0, 1, 2, nil])
        pool.put(1)
        pool.put(0)
        let again = [pool.take(), pool.take()]
        #expect(again == [0, 1])
        let available = pool.available
        #expect(available == 0)
    }
}
