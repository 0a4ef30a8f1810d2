import CLinux
import Glibc
import Linux
import Testing

@Suite struct ControlGroupTests {
    static let version1 = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        """

    @Test func findsTreesOfVersion1AndThePlaceInEach() {
        let membership = "9:name=systemd:/\n8:pids:/\n4:memory:/outer/inner\n1:cpu,cpuacct:/system.slice/onvm.service\n0::/\n"
        let found = ControlGroupHierarchy.all(mountInfo: Self.version1, membership: membership)
        #expect(found.map(\.version) == [.v1, .v1, .v1, .v1, .v2])
        #expect(found[0].controllers == ["cpu", "cpuacct"])
        #expect(found[0].ownPath == "/sys/fs/cgroup/cpu,cpuacct/system.slice/onvm.service")
        #expect(found[1].ownPath == "/sys/fs/cgroup/memory/outer/inner")
        #expect(found[2].ownPath == "/sys/fs/cgroup/pids")
        #expect(found[4].ownPath == found[4].mountPoint && found[4].mountPoint == "/sys/fs/cgroup/unified")
    }

    @Test func findsTheTreeOfVersion2() {
        let mounts = "29 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
        let found = ControlGroupHierarchy.all(mountInfo: mounts, membership: "0::/user.slice/session-3.scope\n")
        #expect(
            found == [
                ControlGroupHierarchy(
                    version: .v2, controllers: [], mountPoint: "/sys/fs/cgroup",
                    ownPath: "/sys/fs/cgroup/user.slice/session-3.scope")
            ])
    }

    @Test func aMountOfAPartOfTheTreeIsUnderstood() {
        // A container without a cgroup namespace: its part is bound to the usual place, whose name has a space here.
        let mounts = "29 22 0:26 /docker/abc /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n"
        let own = ControlGroupHierarchy.all(mountInfo: mounts, membership: "0::/docker/abc/web\n")
        #expect(own.map(\.ownPath) == ["/sys/fs/c g/web"])
        // Another part of the tree shows nothing of this process.
        #expect(ControlGroupHierarchy.all(mountInfo: mounts, membership: "0::/docker/abcd\n").isEmpty)
        #expect(ControlGroupHierarchy.all(mountInfo: mounts, membership: "0::/../other\n").isEmpty)
    }

    @Test(arguments: ["", "x", "29 22 0:26 / /sys", "29 22 0:26 / /sys/fs/cgroup rw -", "- - - - - - - cgroup2"])
    func rubbishHasNoTrees(mounts: String) {
        #expect(ControlGroupHierarchy.all(mountInfo: mounts, membership: "0::/\n:::\n::").isEmpty)
    }

    /// Needs root, and a kernel with version 2 mounted somewhere: with or without controllers.
    @Test func aChildBeginsInItsGroup() throws {
        let text = try #require(read("/proc/self/mountinfo"))
        let trees = ControlGroupHierarchy.all(mountInfo: text, membership: try #require(read("/proc/self/cgroup")))
        let tree = try #require(trees.first { $0.version == .v2 })
        let group = ControlGroup(path: tree.mountPoint).child("onvm-test-\(getpid())")
        #expect(try group.make())
        #expect(try !group.make(), "made twice")
        #expect(group.exists && !ControlGroup(path: "/tmp").exists)
        defer { try? group.removeTree() }
        let directory = try group.openDirectory()
        let pid = CLinux_fork_into(directory.rawValue)
        if pid == 0 {
            while true { pause() }
        }
        try #require(pid > 0, "clone3: \(Errno.current)")
        // It was never anywhere else.
        #expect(group.text("cgroup.procs") == "\(pid)\n" || group.text("cgroup.procs") == "\(pid)")
        kill(pid, SIGKILL)
        _ = waitpid(pid, nil, 0)
        try group.child("inner").make()
        #expect(group.children == ["inner"])
        try group.removeTree()
        #expect(!group.exists)
    }

    @Test func whatCannotBeWrittenIsSaid() throws {
        let group = ControlGroup(path: "/proc/self")
        #expect(throws: ControlGroupError.self) { try group.set("no-such-file", "1") }
        try group.set("no-such-file", "1", requires: false)
        do {
            try group.set("no-such-file", "1")
        } catch {
            #expect("\(error)" == "write 1 to /proc/self/no-such-file: No such file or directory (errno 2)")
        }
    }

    private func read(_ path: String) -> String? { ControlGroup(path: "/").text(path) }
}

/// What a process may map, measured and held by the kernel.
@Suite struct MemoryLimitTests {
    @Test func aProcessMapsItsAllowanceAndNoMore() throws {
        let pid = CLinux_fork()
        if pid == 0 {
            // In the child nothing that needs a lock of the parent's threads: exit statuses tell.
            do throws(SandboxError) { try Sandbox.limitMemory(allowance: 8 << 20) } catch { _exit(2) }
            if unsafe mapped(4 << 20) == MAP_FAILED { _exit(3) }
            if unsafe mapped(8 << 20) != MAP_FAILED { _exit(4) }
            if unsafe mapped(1 << 40) != MAP_FAILED { _exit(5) }
            _exit(0)
        }
        var status: CInt = 0
        #expect(unsafe waitpid(pid, &status, 0) == pid)
        #expect(status == 0, "exit status \(status >> 8)")
    }

    @unsafe private func mapped(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    }
}
