#define _GNU_SOURCE
#include "include/CLinuxControl.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

int CLinux_ethtool(int socket, const char *device, void *command) {
    struct ifreq request = {0};
    if (strlen(device) >= sizeof(request.ifr_name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(request.ifr_name, device);
    request.ifr_data = command;
    return ioctl(socket, SIOCETHTOOL, &request);
}

int CLinux_open_sysfs(void) {
    int context = (int)syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC);
    if (context < 0) return -1;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    int error = errno;
    close(context);
    errno = error;
    return mount;
}

int CLinux_landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int CLinux_seccomp_available(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return (int)syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

int CLinux_control_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

uint64_t CLinux_effective_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0) return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

int CLinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
    struct epoll_event event = {.events = events, .data.u64 = tag};
    return epoll_ctl(epoll, operation, fd, &event);
}

int CLinux_epoll_wait(int epoll, uint64_t *tags, uint32_t *events, int count, int timeout_milliseconds) {
    struct epoll_event ready[256];
    int ready_count = epoll_wait(epoll, ready, count < 256 ? count : 256, timeout_milliseconds);
    for (int i = 0; i < ready_count; i++) {
        tags[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return ready_count;
}

const char *CLinux_signal_name(int signal) { return sigabbrev_np(signal); }

int CLinux_probe_tcx(void) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = 1;    /* The ifindex of lo in every network namespace. */
    attributes.query.attach_type = 46; /* BPF_TCX_INGRESS, Linux 6.6. */
    return (int)syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes);
}

int CLinux_is_bpffs(const char *path) {
    struct statfs information;
    return statfs(path, &information) == 0 && (unsigned)information.f_type == BPF_FS_MAGIC;
}

int CLinux_is_control_group(const char *path) {
    struct statfs information;
    if (statfs(path, &information) != 0) return 0;
    return (unsigned)information.f_type == CGROUP_SUPER_MAGIC || (unsigned)information.f_type == CGROUP2_SUPER_MAGIC;
}

int CLinux_probe_tap(void) {
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -1 : close(fd);
}

int CLinux_open_tap(const char *name, int send_buffer) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    int header = sizeof(struct virtio_net_hdr);
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0
        || ioctl(fd, TUNSETSNDBUF, &send_buffer) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
