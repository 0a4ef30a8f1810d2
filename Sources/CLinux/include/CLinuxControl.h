/// What the control plane needs of the kernel and Glibc's module lacks: rtnetlink and ethtool structures, epoll,
/// signalfd, timerfd, and the mount calls of Linux 5.2.
#pragma once
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/// ioctl(2) is variadic. SIOCETHTOOL of `device` with an ethtool command structure at `command`.
int CLinux_ethtool(int socket, const char *device, void *command);
/// The size of struct ethtool_gstrings before its data, and of the other variable-length commands.
enum {
    CLINUX_ETHTOOL_STRINGS_HEADER = sizeof(struct ethtool_gstrings),
    CLINUX_ETHTOOL_STRING_SET_HEADER = sizeof(struct ethtool_sset_info),
    CLINUX_ETHTOOL_GET_FEATURES_HEADER = sizeof(struct ethtool_gfeatures),
    CLINUX_ETHTOOL_SET_FEATURES_HEADER = sizeof(struct ethtool_sfeatures),
};

/// A sysfs of the calling thread's network namespace that is mounted nowhere: a directory descriptor
/// (fsopen(2), fsmount(2)). It vanishes with its last descriptor.
int CLinux_open_sysfs(void);
/// landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION: the ABI version, or -1.
int CLinux_landlock_version(void);
/// seccomp(2) SECCOMP_GET_ACTION_AVAIL of SECCOMP_RET_KILL_PROCESS: 0 when filters can be used.
int CLinux_seccomp_available(void);
/// A signalfd(2) that reports SIGINT, SIGTERM, SIGHUP and SIGCHLD, which are blocked from now on.
int CLinux_control_signals(void);
/// The effective capabilities of this process, one bit each (capget(2)); 0 when they cannot be read.
uint64_t CLinux_effective_capabilities(void);

/// epoll_ctl(2); `tag` comes back with the events (a union does not import safely).
int CLinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag);
/// epoll_wait(2) of at most 256 descriptors.
int CLinux_epoll_wait(int epoll, uint64_t *tags, uint32_t *events, int count, int timeout_milliseconds);
/// sigabbrev_np(3), such as "KILL"; NULL for a number that is no signal.
const char *CLinux_signal_name(int signal);
/// Whether this kernel has tcx (bpf(2) BPF_PROG_QUERY of BPF_TCX_INGRESS on the loopback device): 0, or -1.
int CLinux_probe_tcx(void);
/// Whether a BPF file system is mounted at `path` (statfs(2)).
int CLinux_is_bpffs(const char *path);
/// Whether `path` is a directory of a cgroup file system of either version (statfs(2)).
int CLinux_is_control_group(const char *path);

/// Makes a TAP device `name` whose frames carry a struct virtio_net_hdr of 10 bytes in the host's byte order
/// (TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR), and the descriptor that is its one end, non-blocking. Frames
/// written and not yet passed on may take `send_buffer` bytes of kernel memory. The device goes with the last descriptor.
int CLinux_open_tap(const char *name, int send_buffer);
/// Whether there can be TAP devices: 0, or -1.
int CLinux_probe_tap(void);
