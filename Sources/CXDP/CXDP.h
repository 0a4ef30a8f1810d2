#pragma once
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
/* statfs(2): not in Swift's Glibc module. */
#include <sys/vfs.h>
