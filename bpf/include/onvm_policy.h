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

/* Nothing in it makes room for something new: a table that is full refuses newcomers, and nobody who is served. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct onvm_binding_key);
    __type(value, struct onvm_binding);
} bindings SEC(".maps");

/* Addresses of this host (of the ports' network namespace). */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, struct onvm_address);
    __type(value, __u32);
} addresses SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct onvm_exchanges);
} exchanges SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384); /* every VLAN of four ports, or of as many slots */
    __type(key, struct onvm_vlan_key);
    __type(value, __u64);
} slot_vlans SEC(".maps");

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

/* RFC 4291 §2.5.5.2; steer and egress refuse such addresses in an IPv6 header, so this one is an IPv4 packet's. */
static __always_inline int is_ipv4(struct onvm_address address) {
    return address.high == 0 && (__u32)address.low == bpf_htonl(0xffff);
}

static __always_inline int is_local(const struct onvm_address *address) {
    return bpf_map_lookup_elem(&addresses, address) != 0;
}

/* The part of a client's address that identifies it (isolation client). IPv4 addresses count whole. */
static __always_inline struct onvm_address client_of(struct onvm_address address, const struct onvm_service *service) {
    if (!is_ipv4(address)) {
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

/* The same for a frame to the client, whose own address comes first; and for writing its link header. */
static __always_inline void copy_macs_reversed(struct onvm_path *path, const void *ethernet) {
    __u16 *to = (__u16 *)path;
    const __u16 *from = ethernet;
    for (int index = 0; index < 6; index++) to[index] = from[index < 3 ? index + 3 : index - 3];
}

/* Both paths are aligned to four bytes and have no hidden padding. */
static __always_inline int same_path(const struct onvm_path *left, const struct onvm_path *right) {
    const __u32 *a = (const __u32 *)left, *b = (const __u32 *)right;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* The place of a conversation in the slot's exchanges. Collisions make it forgotten; only its own NF can cause them. */
static __always_inline struct onvm_exchange *find_exchange(
    __u32 slot, struct onvm_address client, __u16 client_port, __u16 local_port) {
    struct onvm_exchanges *all = bpf_map_lookup_elem(&exchanges, &slot);
    if (!all) return 0;
    __u32 place = bpf_ntohs(client_port) ^ bpf_ntohs(local_port) ^ (__u32)(client.low >> 56);
    return &all->entries[place & (ONVM_EXCHANGES - 1)];
}

static __always_inline int is_exchange(
    const struct onvm_exchange *exchange, struct onvm_address client, __u16 client_port, __u16 local_port) {
    return exchange->client_port == client_port && exchange->local_port == local_port
        && exchange->client == (__u32)(client.low >> 32);
}

static __always_inline void begin_exchange(
    struct onvm_exchange *exchange, struct onvm_address client, __u16 client_port, __u16 local_port,
    const struct onvm_path *path) {
    exchange->sent_next = exchange->acknowledged = 0;
    exchange->client_port = client_port;
    exchange->local_port = local_port;
    exchange->client = client.low >> 32;
    exchange->path = exchange->syn_path = *path;
}

/* Nothing was sent yet since steer saw the client's SYN. */
static __always_inline int is_silent(const struct onvm_exchange *exchange) {
    return !exchange->sent_next && !exchange->acknowledged;
}

/* Raises an event that the caller has filled in. A full ring is counted, and the manager does not depend on events. */
static __noinline void report(struct onvm_event *event) {
    if (bpf_ringbuf_output(&events, event, sizeof *event, 0)) count(ONVM_COUNTER_EVENT_LOST);
}
