/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The SYN gate, the part that steer and deliver share: whether an ACK returns a cookie.
 *
 * The key is nobody's but the kernel's: an NF that an attacker took over cannot make cookies for a friend outside.
 */
#pragma once
#include "onvm_cookie.h"
#include "onvm_gate_types.h"
#include "onvm_maps.h"
#include "onvm_parse.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, struct onvm_gate);
} gates SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, struct onvm_gate_state);
} gate_state SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct onvm_cookie_secret);
} gate_secret SEC(".maps");

static __always_inline struct onvm_gate_state *gate_state_of(__u32 service) {
    return bpf_map_lookup_elem(&gate_state, &service);
}

/* What another CPU noted may be a tick later than what this one read. */
static __always_inline __u64 elapsed(__u64 now, __u64 then) { return now > then ? now - then : 0; }

static __always_inline void count_idle(__u32 service, __s64 change) {
    struct onvm_gate_state *state = gate_state_of(service);
    if (state) __sync_fetch_and_add(&state->idle, change);
}

static __always_inline void count_half_open(__u32 service, __s64 change) {
    struct onvm_gate_state *state = gate_state_of(service);
    if (state) __sync_fetch_and_add(&state->half_open, change);
}

/* Until when ACKs of cookies may come for a slot that gets its client now; 0: none were sent lately. */
static __always_inline __u64 cookies_settle(__u32 service, __u64 now) {
    struct onvm_gate_state *state = gate_state_of(service);
    return state && state->cookie_at && elapsed(now, state->cookie_at) < ONVM_GATE_SETTLE ? now + ONVM_GATE_SETTLE : 0;
}

static __always_inline struct onvm_cookie_secret *the_gate_secret(void) {
    __u32 zero = 0;
    return bpf_map_lookup_elem(&gate_secret, &zero);
}

static __always_inline struct onvm_cookie_connection cookie_connection(const struct packet *packet) {
    return (struct onvm_cookie_connection){
        .peer = packet->source,
        .local = packet->destination,
        .ports = (__u64)bpf_ntohs(packet->source_port) << 16 | bpf_ntohs(packet->destination_port),
    };
}

/* The packet of a frame, tagged (IEEE 802.1Q) or not. */
static __always_inline enum parsed parse_frame(struct xdp_md *context, struct packet *packet) {
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    struct ethhdr *ethernet = data;
    if ((void *)(ethernet + 1) > end) return MALFORMED;
    __u16 type = ethernet->h_proto;
    __u16 *cursor = (void *)(ethernet + 1);
    if (type == bpf_htons(ETH_P_8021Q)) {
        if ((void *)(cursor + 2) > end) return MALFORMED;
        type = cursor[1];
        cursor += 2;
    }
    if (type == bpf_htons(ETH_P_IP)) return parse_ipv4(cursor, end, packet);
    if (type == bpf_htons(ETH_P_IPV6)) return parse_ipv6(cursor, end, packet, IPV6_EXTENSIONS_MAX);
    return NOT_IP;
}

/* Whether the segment may be the third of a handshake: its ACK, or data or FIN that came in its place. */
static __always_inline int may_return_cookie(const struct packet *packet) {
    return packet->protocol == IPPROTO_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;
}

/* segment_size is 0 when the segment returns no cookie of ours. */
static __noinline __u64 returned_cookie(const struct packet *packet, __u64 now) {
    struct onvm_cookie_secret *secret = the_gate_secret();
    if (!secret) return 0;
    struct onvm_cookie_connection connection = cookie_connection(packet);
    struct onvm_cookie_content content =
        onvm_cookie_read(secret, &connection, packet->sequence - 1, packet->acknowledgment - 1, now);
    return (__u64)content.timestamp_offset << 32 | content.segment_size;
}
