#pragma once
#include <stdint.h>

/// What a name beneath a directory refers to.
struct CLinux_file {
    int32_t descriptor;
    /// st_mode.
    uint32_t mode;
    uint64_t size;
    uint64_t device;
    uint64_t inode;
    /// Modification and status change, in nanoseconds since 1970.
    int64_t modified;
    int64_t changed;
};

/// Opens `path` for reading without ever leaving `directory`, whatever symbolic links say, and without waiting for the
/// other end of a FIFO. openat2(2) has no wrapper in glibc; fstat is made as its own system call so that an allow-list
/// does not depend on what glibc turns it into.
/// Returns 0, or an errno value and no descriptor.
int CLinux_open_beneath(int directory, const char *path, struct CLinux_file *file);
