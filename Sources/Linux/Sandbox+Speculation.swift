import CLinux
import Glibc

extension Sandbox {
    /// The ways of speculation that prctl(2) controls for a process: past stores whose address is not known yet, and
    /// along indirect branches that another process trained.
    enum Speculation: UInt, CaseIterable {
        case storeBypass = 0
        case indirectBranch = 1
    }

    /// Turns them off for this process, for ever (PR_SPEC_FORCE_DISABLE; Documentation/userspace-api/spec_ctrl.rst).
    /// What one NF taught the branch predictors is flushed before another runs on the core.
    ///
    /// Not an error where there is nothing to control: ENODEV and ENXIO say that the CPU or the hypervisor offers no
    /// control or needs none, EPERM that the whole host decided, on the kernel's command line.
    public static func restrictSpeculation() throws(SandboxError) {
        for kind in Speculation.allCases {
            guard CLinux_prctl(PR_SET_SPECULATION_CTRL, kind.rawValue, forceDisable, 0, 0) < 0 else { continue }
            let errno = Errno.current
            guard [ENODEV, ENXIO, EPERM].contains(errno.rawValue) else {
                throw SandboxError(step: "prctl PR_SET_SPECULATION_CTRL \(kind)", errno: errno)
            }
        }
    }

    /// PR_SPEC_FORCE_DISABLE.
    private static var forceDisable: UInt { 1 << 3 }
}
