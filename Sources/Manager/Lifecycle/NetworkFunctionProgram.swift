import Glibc
import Linux

/// The program that NFs run in, asked before it is needed.
public enum NetworkFunctionProgram {
    /// The names of the NFs in it: what `nf:` may say in a topology. Empty when it cannot be run; whoever starts it
    /// for good says why.
    ///
    /// Foundation's `Process` starts a thread that would take the signals the manager blocks later.
    /// - Parameter path: nil is `onvm-nf` beside this program.
    public static func names(path: String?) -> [String] {
        var ends: (CInt, CInt) = (-1, -1)
        let made = unsafe withUnsafeMutableBytes(of: &ends) { raw in
            unsafe pipe(raw.baseAddress!.assumingMemoryBound(to: CInt.self))
        }
        guard made == 0 else { return [] }
        let output = FileDescriptor(owning: ends.0)
        guard let pid = spawnList(ZygoteProcess.executable(override: path), input: ends.0, output: ends.1) else {
            return []
        }
        let text = readAll(output)
        var status: CInt = 0
        guard unsafe waitpid(pid, &status, 0) == pid, status == 0 else { return [] }
        return text.split(separator: "\n").map(String.init)
    }

    /// Runs `executable --list`; closes `output` in this process.
    private static func spawnList(_ executable: String, input: CInt, output: CInt) -> pid_t? {
        defer { _ = close(output) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_addclose(&actions, input)
        var pid: pid_t = 0
        var arguments = unsafe [strdup(executable), strdup("--list"), nil]
        defer { for index in 0..<2 { unsafe free(arguments[index]) } }
        return unsafe posix_spawn(&pid, executable, &actions, nil, &arguments, environ) == 0 ? pid : nil
    }

    private static func readAll(_ file: borrowing FileDescriptor) -> String {
        var bytes: [UInt8] = []
        while bytes.count < 65_536 {
            var chunk = [UInt8](repeating: 0, count: 4_096)
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(file.rawValue, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
