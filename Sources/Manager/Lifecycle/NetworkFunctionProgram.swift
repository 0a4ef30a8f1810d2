import Foundation

/// The program that NFs are forked from, asked before it is needed.
public enum NetworkFunctionProgram {
    /// The names of the NFs in it: what `nf:` may say in a topology.
    /// - Parameter path: nil is `onvm-nf` beside this program.
    public static func names(path: String?) throws -> [String] {
        let executable = ZygoteProcess.executable(override: path)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["--list"]
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw NetworkFunctionProgramError("cannot run \(executable), the program NFs are forked from: \(error.localizedDescription)")
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw NetworkFunctionProgramError(
                "\(executable) --list ended with status \(process.terminationStatus): it is not a program of network functions")
        }
        return text.split(separator: "\n").map(String.init)
    }
}

struct NetworkFunctionProgramError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
