/// What Swift's Glibc module cannot give: functions behind _GNU_SOURCE, variadic system calls, the CMSG macros, and
/// system calls that glibc does not wrap. Nothing here decides anything; policy is in Swift.
#pragma once
#include <linux/filter.h>
#include <linux/if_xdp.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "CLinuxControl.h"
#include "CLinuxFiles.h"
#include "CLinuxPipes.h"
#include "CLinuxXDP.h"

/// memfd_create(2) needs _GNU_SOURCE. Close-on-exec and sealable.
int CLinux_memfd_create(const char *name);
/// F_ADD_SEALS of SHRINK, GROW and SEAL: the size can never change again, so a mapping can never fault.
int CLinux_seal_size(int fd);

/// sendmsg(2) of one message with up to 16 descriptors attached (the CMSG macros do not import).
ssize_t CLinux_send_message(int socket, const void *bytes, size_t byte_count, const int *descriptors, int descriptor_count, int flags);
/// recvmsg(2) with MSG_CMSG_CLOEXEC. `descriptor_count` is in/out; with 0 none is ever received. -1 with EMSGSIZE when anything was truncated.
ssize_t CLinux_receive_message(int socket, void *bytes, size_t byte_count, int *descriptors, int *descriptor_count, int flags);

/// sched_setaffinity(2) of the calling thread to one CPU.
int CLinux_pin_to_cpu(int cpu);
int CLinux_unshare(int flags);
int CLinux_setns(int fd, int type);
int CLinux_pidfd_open(pid_t pid);
int CLinux_pidfd_send_signal(int pidfd, int signal);
/// close_range(2), glibc 2.34.
int CLinux_close_range(unsigned first, unsigned last);
/// close_range(2) with CLOSE_RANGE_CLOEXEC, Linux 5.11: from `first` on all close on execve(2).
int CLinux_close_on_execute(unsigned first);
/// fork(2): Swift marks it unavailable. Call it from a single-threaded process only.
pid_t CLinux_fork(void);
/// Whether this process was started by a dynamic loader (AT_BASE, getauxval(3); sys/auxv.h is not in Swift's module).
int CLinux_has_dynamic_loader(void);
/// execveat(2) of the open file itself (AT_EMPTY_PATH); returns only on failure.
int CLinux_execute(int file, char *const arguments[], char *const environment[]);
/// fork(2) whose child begins in the control group (version 2) with this directory: clone3(2), CLONE_INTO_CGROUP. Call it
/// from a single-threaded process only. The child runs none of what pthread_atfork(3) registered.
pid_t CLinux_fork_into(int control_group);
/// prctl(2) is variadic.
int CLinux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
/// pivot_root(2) has no wrapper.
int CLinux_pivot_root(const char *new_root, const char *put_old);
/// open_tree(2) of a directory and everything mounted below it, detached, then mount_setattr(2): read-only, nosuid,
/// nodev, noexec, a slave of what it is a clone of. Neither has a wrapper.
int CLinux_clone_tree_read_only(int directory);
/// capset(2) to nothing at all.
int CLinux_drop_all_capabilities(void);

/// landlock_create_ruleset(2) with `handled` access rights, or -1. Flag 1 asks for the ABI version.
int CLinux_landlock_create_ruleset(uint64_t handled_filesystem, uint32_t flags);
/// landlock_add_rule(2) of LANDLOCK_RULE_PATH_BENEATH.
int CLinux_landlock_allow_beneath(int ruleset, int parent, uint64_t allowed);
int CLinux_landlock_restrict_self(int ruleset);

/// seccomp(2) SECCOMP_SET_MODE_FILTER.
int CLinux_seccomp_install(const struct sock_filter *filter, unsigned short length);

enum {
    CLINUX_CLONE_NEWNS = 0x00020000,
    CLINUX_CLONE_NEWUTS = 0x04000000,
    CLINUX_CLONE_NEWIPC = 0x08000000,
    CLINUX_CLONE_NEWNET = 0x40000000,
};

struct pollfd;
/// ppoll(2) with a timeout in nanoseconds; negative waits for ever.
int CLinux_poll_nanoseconds(struct pollfd *descriptors, unsigned long count, int64_t timeout);
/// Blocks SIGCHLD and gives a descriptor that is readable when a child ended (signalfd(2)).
int CLinux_child_signal_descriptor(void);

/// The resources of setrlimit(2) that a sandbox bounds (glibc's are an enum that does not import).
enum CLinux_limit {
    CLINUX_LIMIT_OPEN_FILES,
    CLINUX_LIMIT_CORE,
    CLINUX_LIMIT_PROCESSES,
    CLINUX_LIMIT_FILE_SIZE,
    CLINUX_LIMIT_LOCKED,
    CLINUX_LIMIT_ADDRESS_SPACE,
    CLINUX_LIMIT_DATA,
    CLINUX_LIMIT_STACK,
    CLINUX_LIMIT_QUEUES,
};
int CLinux_set_limit(enum CLinux_limit resource, uint64_t value);
/// Whether one more page could be mapped if this were the limit of the address space (RLIMIT_AS). It is as before after the call.
int CLinux_page_fits(uint64_t address_space);
/// setresgid(2) and setresuid(2), all three IDs each; both need _GNU_SOURCE.
int CLinux_become_user(uid_t user);
/// Empties the signal mask.
void CLinux_unblock_signals(void);
