#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/signalfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int CLinux_pin_to_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

int CLinux_unshare(int flags) { return unshare(flags); }
int CLinux_setns(int fd, int type) { return setns(fd, type); }
int CLinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int CLinux_pidfd_send_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }
int CLinux_close_range(unsigned first, unsigned last) { return (int)syscall(SYS_close_range, first, last, 0); }
int CLinux_close_on_execute(unsigned first) { return (int)syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC); }
pid_t CLinux_fork(void) { return fork(); }
int CLinux_has_dynamic_loader(void) { return getauxval(AT_BASE) != 0; }
int CLinux_execute(int file, char *const arguments[], char *const environment[]) {
    return (int)syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
}

pid_t CLinux_fork_into(int control_group) {
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)control_group,
    };
    // The C library keeps the thread's ID where it told the kernel to clear it (set_tid_address(2)), and fork(3) has the
    // kernel write the child's there. Without CONFIG_CHECKPOINT_RESTORE the place is not told.
    int *thread_id = NULL;
    if (prctl(PR_GET_TID_ADDRESS, &thread_id, 0, 0, 0) == 0 && thread_id) {
        arguments.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
        arguments.child_tid = (uint64_t)(uintptr_t)thread_id;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}
int CLinux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) { return prctl(option, a, b, c, d); }
int CLinux_pivot_root(const char *new_root, const char *put_old) { return (int)syscall(SYS_pivot_root, new_root, put_old); }

int CLinux_drop_all_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2] = {0};
    return (int)syscall(SYS_capset, &header, data);
}

int CLinux_landlock_create_ruleset(uint64_t handled_filesystem, uint32_t flags) {
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled_filesystem};
    return (int)syscall(SYS_landlock_create_ruleset, flags ? NULL : &attributes, flags ? 0 : sizeof attributes, flags);
}

int CLinux_landlock_allow_beneath(int ruleset, int parent, uint64_t allowed) {
    struct landlock_path_beneath_attr attributes = {.allowed_access = allowed, .parent_fd = parent};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
}

int CLinux_landlock_restrict_self(int ruleset) { return (int)syscall(SYS_landlock_restrict_self, ruleset, 0); }

int CLinux_seccomp_install(const struct sock_filter *filter, unsigned short length) {
    struct sock_fprog program = {.len = length, .filter = (struct sock_filter *)filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int CLinux_poll_nanoseconds(struct pollfd *descriptors, unsigned long count, int64_t timeout) {
    struct timespec limit = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
    return ppoll(descriptors, count, timeout < 0 ? NULL : &limit, NULL);
}

int CLinux_child_signal_descriptor(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int CLinux_set_limit(enum CLinux_limit resource, uint64_t value) {
    static const __rlimit_resource_t resources[] = {
        [CLINUX_LIMIT_OPEN_FILES] = RLIMIT_NOFILE, [CLINUX_LIMIT_CORE] = RLIMIT_CORE,
        [CLINUX_LIMIT_PROCESSES] = RLIMIT_NPROC,   [CLINUX_LIMIT_FILE_SIZE] = RLIMIT_FSIZE,
        [CLINUX_LIMIT_LOCKED] = RLIMIT_MEMLOCK,   [CLINUX_LIMIT_ADDRESS_SPACE] = RLIMIT_AS,
        [CLINUX_LIMIT_DATA] = RLIMIT_DATA,        [CLINUX_LIMIT_STACK] = RLIMIT_STACK,
        [CLINUX_LIMIT_QUEUES] = RLIMIT_MSGQUEUE,
    };
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resources[resource], &limit);
}

int CLinux_page_fits(uint64_t address_space) {
    struct rlimit before, trial;
    if (getrlimit(RLIMIT_AS, &before) < 0) return -1;
    trial = before;
    trial.rlim_cur = address_space;
    if (setrlimit(RLIMIT_AS, &trial) < 0) return -1;
    void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (setrlimit(RLIMIT_AS, &before) < 0) return -1;
    if (page == MAP_FAILED) return 0;
    munmap(page, 4096);
    return 1;
}

int CLinux_become_user(uid_t user) { return setresgid(user, user, user) < 0 ? -1 : setresuid(user, user, user); }

void CLinux_unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
