#define _GNU_SOURCE
#include "CLinuxFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(struct open_how) == 24, "openat2 takes the first version of open_how");

static int64_t nanoseconds(struct timespec time) { return time.tv_sec * 1000000000LL + time.tv_nsec; }

int CLinux_open_beneath(int directory, const char *path, struct CLinux_file *file) {
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    // EAGAIN: a rename elsewhere made the walk undecidable, openat2(2) says to try again.
    long descriptor = -1;
    for (int attempt = 0; attempt < 8; attempt++) {
        descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (descriptor >= 0 || (errno != EAGAIN && errno != EINTR)) break;
    }
    if (descriptor < 0) return errno;
    struct stat status;
    if (syscall(SYS_fstat, (int)descriptor, &status) != 0) {
        int error = errno;
        close((int)descriptor);
        return error;
    }
    file->descriptor = (int32_t)descriptor;
    file->mode = status.st_mode;
    file->size = (uint64_t)status.st_size;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->modified = nanoseconds(status.st_mtim);
    file->changed = nanoseconds(status.st_ctim);
    return 0;
}
