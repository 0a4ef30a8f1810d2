import Glibc

@testable import NetworkFunctions

/// A document root in a temporary directory.
final class DocumentRoot {
    let path: String
    let descriptor: CInt

    init() {
        var template = Array((P_tmpdir + "/onvm-web-XXXXXX").utf8CString)
        path = unsafe String(cString: unsafe mkdtemp(&template))
        descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }

    deinit {
        _ = Glibc.close(descriptor)
        removeAll(path)
    }

    func write(_ name: String, _ bytes: [UInt8]) {
        let file = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        precondition(file >= 0, name)
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress! + done, $0.count - done)
            }
            precondition(count > 0)
            done += count
        }
        _ = Glibc.close(file)
    }

    func write(_ name: String, _ text: String) { write(name, Array(text.utf8)) }

    func makeDirectory(_ name: String) { precondition(unsafe mkdir(path + "/" + name, 0o755) == 0) }

    func link(_ name: String, to target: String) { precondition(unsafe symlink(target, path + "/" + name) == 0) }

    /// Descriptors of this process beneath the root: those that the server holds, whatever other tests open meanwhile.
    var openFileCount: Int {
        var count = 0
        for number in 0..<1024 {
            var target = [UInt8](repeating: 0, count: 256)
            let length = unsafe target.withUnsafeMutableBytes {
                unsafe readlink("/proc/self/fd/\(number)", $0.baseAddress!, $0.count)
            }
            if length > 0, target.prefix(length).starts(with: Array((path + "/").utf8)) { count += 1 }
        }
        return count
    }

    static func pattern(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var bytes = [UInt8](repeating: 0, count: count)
        for index in stride(from: 0, to: count, by: 8) {
            var word = generator.next()
            for offset in index..<min(index + 8, count) {
                bytes[offset] = UInt8(truncatingIfNeeded: word)
                word >>= 8
            }
        }
        return bytes
    }

    private func removeAll(_ path: String) {
        guard let directory = unsafe opendir(path) else {
            unsafe unlink(path)
            return
        }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let child = path + "/" + name
            var status = stat()
            unsafe lstat(child, &status)
            if status.st_mode & S_IFMT == S_IFDIR { removeAll(child) } else { unsafe unlink(child) }
        }
        unsafe closedir(directory)
        unsafe rmdir(path)
    }

    func server(_ change: (inout WebServerConfiguration) -> Void = { _ in }) -> WebServer {
        var configuration = WebServerConfiguration()
        change(&configuration)
        do {
            return try WebServer(directory: descriptor, configuration: configuration)
        } catch {
            fatalError("no memory for the server: \(error)")
        }
    }
}
