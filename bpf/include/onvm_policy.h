/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* What steer and egress must agree on: who takes which traffic, who serves whom, and by which way answers go. */
#pragma once
#include "onvm_maps.h"
#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct onvm_settings);
} settings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct onvm_flow_key);
    __type(value, struct onvm_flow_verdict);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, struct onvm_endpoint_key);
    __type(value, __u32);
} endpoints SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, struct onvm_service);
} services SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct onvm_binding_key);
    __type(value, struct onvm_binding);
} bindings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct onvm_local_key);
    __type(value, __u32);
} locals SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, struct onvm_mac);
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, struct onvm_mac);
    __type(value, __u32);
} port_macs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, ONVM_EVENT_RING_SIZE);
} events SEC(".maps");

static __always_inline int same_address(const struct onvm_address *left, const struct onvm_address *right) {
    return left->high == right->high && left->low == right->low;
}

/* The part of a client's address that identifies it (isolation client). IPv4-mapped addresses count whole. */
static __always_inline struct onvm_address client_of(struct onvm_address address, const struct onvm_service *service) {
    int is_ipv4 = address.high == 0 && (__u32)address.low == bpf_htonl(0xffff);
    if (!is_ipv4) {
        address.high &= service->ipv6_mask_high;
        address.low &= service->ipv6_mask_low;
    }
    return address;
}

/* MAC addresses are aligned to two bytes, in frames and in our structs. */
static __always_inline int same_mac(const void *left, const void *right) {
    const __u16 *a = left, *b = right;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

/* The first twelve bytes of a client's frame are the first twelve of its path. */
static __always_inline void copy_macs(struct onvm_path *path, const void *ethernet) {
    __u16 *to = (__u16 *)path;
    const __u16 *from = ethernet;
    for (int index = 0; index < 6; index++) to[index] = from[index];
}

/* Both paths are aligned to four bytes and have no hidden padding. */
static __always_inline int same_path(const struct onvm_path *left, const struct onvm_path *right) {
    const __u32 *a = (const __u32 *)left, *b = (const __u32 *)right;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* Raises an event that the caller has filled in. A full ring is counted, and the manager does not depend on events. */
static __noinline void report(struct onvm_event *event) {
    if (bpf_ringbuf_output(&events, event, sizeof *event, 0)) count(ONVM_COUNTER_EVENT_LOST);
}
