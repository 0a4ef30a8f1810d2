/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The maps that several programs use. The manager creates each once and gives it to every object that names it.
 * Sizes written here are minima for the verifier; the manager sets the real ones before it loads (SteeringLimits).
 */
#pragma once
#include "onvm_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* By slot ID; the manager reads and (before a slot is offered) writes it through mmap(2). */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct onvm_slot);
} slots SEC(".maps");

/* From either end's ifindex to the slot. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} slot_devices SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, ONVM_COUNTER_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct onvm_slot_counters);
} slot_counters SEC(".maps");

static __always_inline void count(__u32 counter) {
    __u64 *value = bpf_map_lookup_elem(&counters, &counter);
    if (value) ++*value;
}

static __always_inline void count_slot(__u32 slot, __u32 counter, __u64 amount) {
    struct onvm_slot_counters *values = bpf_map_lookup_elem(&slot_counters, &slot);
    if (values) values->values[counter] += amount;
}

static __always_inline __u64 slot_state(__u32 generation, __u32 state) { return (__u64)generation << 8 | state; }
