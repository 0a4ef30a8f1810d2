import CXDP
import Glibc
public import Linux

/// A loaded eBPF program.
public struct Program: ~Copyable {
    public let descriptor: FileDescriptor
    public let name: String

    init(owning descriptor: consuming FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// What the kernel knows about a program by ID: its name, or nil if it is gone.
    public static func name(ofID id: UInt32) -> String? {
        let descriptor = bpf_prog_get_fd_by_id(id)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var info = bpf_prog_info()
        var size = UInt32(MemoryLayout<bpf_prog_info>.size)
        guard unsafe bpf_obj_get_info_by_fd(descriptor, &info, &size) == 0 else { return nil }
        return unsafe withUnsafeBytes(of: &info.name) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// One result of BPF_PROG_TEST_RUN.
    public struct TestResult: Equatable, Sendable {
        /// What the program returned.
        public var verdict: UInt32
        public var frame: [UInt8]
        /// Average over the repetitions.
        public var nanoseconds: UInt32
    }

    /// Runs the program on a frame without a device (bpf(2) BPF_PROG_TEST_RUN).
    /// - Parameter context: the program's context as the kernel lays it out (`xdp_md`, `__sk_buff`); empty: the default.
    public func testRun(_ frame: [UInt8], context: [UInt8] = [], repetitions: CInt = 1) throws(BPFError) -> TestResult {
        var output = [UInt8](repeating: 0, count: frame.count + 256)
        var options = unsafe bpf_test_run_opts()
        unsafe options.sz = unsafe MemoryLayout<bpf_test_run_opts>.size
        unsafe options.repeat = repetitions
        let result = unsafe frame.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBytes { output in
                unsafe context.withUnsafeBytes { context in
                    unsafe options.data_in = input.baseAddress
                    unsafe options.data_size_in = UInt32(input.count)
                    unsafe options.data_out = output.baseAddress
                    unsafe options.data_size_out = UInt32(output.count)
                    if unsafe !context.isEmpty {
                        unsafe options.ctx_in = context.baseAddress
                        unsafe options.ctx_size_in = UInt32(context.count)
                    }
                    return unsafe bpf_prog_test_run_opts(descriptor.rawValue, &options)
                }
            }
        }
        guard result == 0 else { throw BPFError("test program \(name)", errno: Errno(rawValue: -result)) }
        return unsafe TestResult(
            verdict: options.retval, frame: Array(output.prefix(Int(options.data_size_out))),
            nanoseconds: options.duration)
    }
}
