#define _GNU_SOURCE
#include "include/CLinuxPipes.h"

#include <fcntl.h>
#include <unistd.h>

int CLinux_pipe(int *ends, int byte_count) {
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
    fcntl(ends[1], F_SETPIPE_SZ, byte_count);
    return 0;
}
