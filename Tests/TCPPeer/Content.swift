import Glibc
import Linux

/// What every stream of a test carries: the bytes of one file, over and over. Both ends have the file, so that each can
/// tell the offset of the first wrong byte.
final class Content {
    private let bytes: [UInt8]

    init(path: String) throws {
        let file = try FileDescriptor(opening: path, flags: O_RDONLY)
        var status = stat()
        try Errno.check(unsafe fstat(file.rawValue, &status))
        let size = Int(status.st_size)
        precondition(size > 0, "the file is empty")
        bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = unsafe read(file.rawValue, buffer.baseAddress! + count, size - count)
                guard got > 0 else { break }
                count += got
            }
        }
    }

    /// Writes the stream's bytes from `offset` on.
    func fill(_ target: inout MutableRawSpan, at offset: UInt64) {
        var done = 0
        unsafe target.withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { bytes in
                while done < target.count {
                    let (start, count) = run(at: offset + UInt64(done), limit: target.count - done)
                    unsafe memcpy(target.baseAddress! + done, bytes.baseAddress! + start, count)
                    done += count
                }
            }
        }
    }

    /// The stream offset of the first byte that differs, or nil.
    func mismatch(_ span: RawSpan, at offset: UInt64) -> UInt64? {
        unsafe span.withUnsafeBytes { span in
            unsafe bytes.withUnsafeBytes { bytes in
                var done = 0
                while done < span.count {
                    let (start, count) = run(at: offset + UInt64(done), limit: span.count - done)
                    if unsafe memcmp(span.baseAddress! + done, bytes.baseAddress! + start, count) != 0 {
                        let first = (0..<count).first { unsafe span[done + $0] != bytes[start + $0] } ?? 0
                        return offset + UInt64(done + first)
                    }
                    done += count
                }
                return nil
            }
        }
    }

    private func run(at offset: UInt64, limit: Int) -> (start: Int, count: Int) {
        let start = Int(offset % UInt64(bytes.count))
        return (start, min(limit, bytes.count - start))
    }
}
