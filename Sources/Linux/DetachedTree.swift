import CLinux

extension FileDescriptor {
    /// A view of a directory and all that is mounted below it, as a tree of its own that is mounted nowhere: read-only,
    /// with no set-user-ID, no devices and nothing to execute (open_tree(2), mount_setattr(2); Linux 5.12). It has no
    /// parent, so ".." at its top leads nowhere. What is mounted later below the directory is not in it. Needs
    /// CAP_SYS_ADMIN.
    /// - Parameter directory: Open, O_PATH is enough.
    public init(detachedTreeOf directory: borrowing FileDescriptor) throws(Errno) {
        self.init(owning: try Errno.check(CLinux_clone_tree_read_only(directory.rawValue)))
    }
}
