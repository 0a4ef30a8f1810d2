import Glibc

/// Named by an environment variable and not by an argument: libFuzzer starts itself again with the arguments it got.
private let target: FuzzTarget = {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) }
    guard let name, let target = FuzzTarget(rawValue: name) else {
        print("FUZZ_TARGET must be one of: " + FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))
        exit(64)
    }
    return target
}()

/// `FUZZ_TARGET=TARGET onvm-fuzz [LIBFUZZER-ARGUMENT...]`
@main enum FuzzEntry {
    static func main() {
        var count = CommandLine.argc
        var arguments = unsafe CommandLine.unsafeArgv
        let status = unsafe runDriver(&count, &arguments, fuzzOneInput)
        exit(status)
    }
}

/// The name libFuzzer's own main, which is not used, wants it to have.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// libFuzzer's entry for programs with a main of their own (llvm.org/docs/LibFuzzer.html).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt
