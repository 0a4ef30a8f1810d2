#pragma once

/// pipe2(2) with O_CLOEXEC and O_NONBLOCK, and F_SETPIPE_SZ: both need _GNU_SOURCE. A size that the host does not allow
/// (/proc/sys/fs/pipe-max-size) leaves the default of 64 KiB.
int CLinux_pipe(int *ends, int byte_count);
