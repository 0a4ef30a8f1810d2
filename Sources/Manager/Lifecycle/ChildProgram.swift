import Glibc
import Linux

/// Starts the programs that belong to a manager.
enum ChildProgram {
    /// Where the inherited channel lies in the child.
    static let channelDescriptor: CInt = 3

    /// - Parameter channel: Inherited, with the standard descriptors and nothing else.
    static func spawn(
        _ executable: String, _ options: [String], channel: CInt, environment: [String] = []
    ) throws(ChildProgramError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        // dup2 drops close-on-exec, even onto itself; everything else of ours is closed by exec.
        unsafe posix_spawn_file_actions_adddup2(&actions, channel, channelDescriptor)
        // The manager blocks the signals it reads from a descriptor; a child would inherit that.
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        var pointers = unsafe ([executable] + options).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
        // They have no use for the manager's environment. A crash is the kernel's to report: Swift's own handler would
        // make system calls that no NF may make, and hide the signal.
        var variables = unsafe (["SWIFT_BACKTRACE=enable=no"] + environment).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe variables.indices { unsafe free(variables[index]) } }
        // They are no more urgent than anything else on the host.
        Urgency.set(.ordinary)
        let result = unsafe posix_spawn(&pid, executable, &actions, &attributes, &pointers, &variables)
        Urgency.set(.manager)
        guard result == 0 else { throw ChildProgramError(executable: executable, errno: Errno(rawValue: result)) }
        return pid
    }
}

struct ChildProgramError: Error, CustomStringConvertible {
    let executable: String
    let errno: Errno

    var description: String { "cannot run \(executable): \(errno)" }
}
