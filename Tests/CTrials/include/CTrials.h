/// What a test process with threads cannot do in Swift: fork(2), and in the child nothing but system calls.
#pragma once
#include <linux/filter.h>
#include <stdint.h>

/// Makes one system call in a child process with a seccomp filter.
/// \returns The child's wait status (wait(2)): 0 if the call came back, SIGSYS if the kernel ended it for the call; -1 if
/// there was no child, or the filter was refused.
int CTrials_call(const struct sock_filter *filter, unsigned short length, long number, const uint64_t arguments[6]);
