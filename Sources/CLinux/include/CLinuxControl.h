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
