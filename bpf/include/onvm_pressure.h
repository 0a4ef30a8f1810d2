/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The SYN gate, steer's part: when it is on, and who waits for an NF.
 *
 * It is judged here, packet by packet, because a flood empties the pool in milliseconds: the gate goes on when few NFs
 * are idle or many have a client that was not heard of again, and off when nothing of the kind was seen for a while. So
 * SYNs that are never followed by an ACK take no more NFs than the marks say.
 */
#pragma once
#include "onvm_assign.h"

enum { GATE_STEP = 100000000 /* ns: how often `on_until` moves, so that CPUs do not fight for its cache line */ };

/* Ports (ifindex) that get partial checksums, or need another way than XDP_TX: ONVM_PORT_…. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u32);
} gate_ports SEC(".maps");

/* Bindings' keys whose clients returned a cookie when no NF was idle, with the time of the last try. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct onvm_binding_key);
    __type(value, __u64);
} waiting_clients SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct onvm_gate_source);
    __type(value, __u64);
} gate_sources SEC(".maps");

static __always_inline __u32 port_flags(__u32 port) {
    __u32 *flags = bpf_map_lookup_elem(&gate_ports, &port);
    return flags ? *flags : 0;
}

static __always_inline int is_pressed(const struct onvm_gate *gate, const struct onvm_gate_state *state, __u64 now) {
    return state->idle < (__s64)gate->idle_mark || state->half_open >= (__s64)gate->half_open_mark
        || (elapsed(now, state->window_at) < 2 * ONVM_GATE_WINDOW && state->unanswered > gate->unanswered_mark);
}

static __always_inline int gate_is_on(
    struct arrival *arrival, const struct onvm_gate *gate, struct onvm_gate_state *state) {
    __u64 now = arrival->now, until = state->on_until;
    if (!is_pressed(gate, state, now)) return now < until;
    if (now + ONVM_GATE_HOLD >= until + GATE_STEP) state->on_until = now + ONVM_GATE_HOLD;
    if (now >= until) {
        state->on_since = now;
        report_arrival(arrival, ONVM_EVENT_GATE, 0, 0);
    }
    return 1;
}

/* What keeps a SYN from an NF; 0: nothing. A datagram has no handshake, and a client that returned a cookie made one. */
static __noinline __u32 guard(struct arrival *arrival) {
    if (arrival->packet.protocol != IPPROTO_TCP || arrival->is_proven) return 0;
    if (!has_right_checksums(arrival->context, port_flags(arrival->path.port) & ONVM_PORT_PARTIAL_CHECKSUMS)) {
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_CHECKSUM);
        return ONVM_OUTCOME_DROP_CHECKSUM;
    }
    struct onvm_gate *gate = bpf_map_lookup_elem(&gates, &arrival->service_id);
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    if (!gate || !gate->idle_mark || !state || !gate_is_on(arrival, gate, state)) return 0;
    /* With every NF taken a cookie would lead to nothing, unless clients then share one. */
    struct onvm_service *service = bpf_map_lookup_elem(&services, &arrival->service_id);
    if (gate->is_full && state->idle <= 0 && service && service->overflow != ONVM_OVERFLOW_SHARE) return 0;
    return ONVM_OUTCOME_ANSWER_COOKIE;
}

/* Whether an NF will be idle soon: the service may have more, and is told when it should. */
static __always_inline int can_wait(const struct arrival *arrival) {
    struct onvm_gate *gate = bpf_map_lookup_elem(&gates, &arrival->service_id);
    return arrival->packet.protocol == IPPROTO_TCP && gate && gate->idle_mark && !gate->is_full;
}

/*
 * No NF is idle yet. A SYN gets a cookie; who returned one sends its data again, as nobody acknowledges it. A client that
 * has nothing to send, because it waits for the server's first word, does not come again by itself: as with every SYN
 * cookie whose ACK is lost (RFC 4987 §3.6).
 */
static __noinline __u32 put_off(struct arrival *arrival) {
    if (!arrival->is_proven) {
        report_empty(arrival);
        return ONVM_OUTCOME_ANSWER_COOKIE;
    }
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_HELD);
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    __u64 now = arrival->now;
    if (state && !bpf_map_update_elem(&waiting_clients, &arrival->key, &now, BPF_NOEXIST)) {
        __sync_fetch_and_add(&state->waiting, 1);
        __sync_fetch_and_add(&state->answered, 1);
    } else {
        bpf_map_update_elem(&waiting_clients, &arrival->key, &now, BPF_EXIST);
    }
    report_empty(arrival);
    return ONVM_OUTCOME_DROP_HELD;
}

/* Whether an ACK without a binding returns a cookie, so that its client is where it says it is. */
static __noinline int returns_cookie(struct arrival *arrival) {
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    if (!may_return_cookie(&arrival->packet) || !state || !state->cookie_at
        || elapsed(arrival->now, state->cookie_at) >= ONVM_GATE_COOKIE_LIFE)
        return 0;
    arrival->is_proven = (__u32)returned_cookie(&arrival->packet, arrival->now) != 0;
    if (!arrival->is_proven) count_service(arrival->service_id, ONVM_SERVICE_COUNTER_COOKIES_INVALID);
    return arrival->is_proven;
}

/* More of what a client sent that was put off: its first segment will come again, and until then this means nothing. */
static __always_inline int is_waiting(const struct arrival *arrival) {
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    if (!state || state->waiting <= 0 || !bpf_map_lookup_elem(&waiting_clients, &arrival->key)) return 0;
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_HELD);
    return 1;
}

/* A client that returned its cookie has its NF. Others of its ACKs may follow: a browser opens several connections. */
static __always_inline void note_admitted(struct arrival *arrival) {
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_COOKIES_ACCEPTED);
    struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &arrival->slot);
    if (slot) slot->gate_until = arrival->now + ONVM_GATE_SETTLE;
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    if (!bpf_map_delete_elem(&waiting_clients, &arrival->key) && state) __sync_fetch_and_add(&state->waiting, -1);
}

static __always_inline void count_source(const struct arrival *arrival) {
    struct onvm_gate_source source = {.prefix = prefix_of(arrival->packet.source), .service = arrival->service_id};
    __u64 one = 1, *known = bpf_map_lookup_elem(&gate_sources, &source);
    if (known) __sync_fetch_and_add(known, 1);
    else bpf_map_update_elem(&gate_sources, &source, &one, BPF_NOEXIST);
}

static __noinline void note_cookie(struct arrival *arrival) {
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_COOKIES_SENT);
    count_source(arrival);
    struct onvm_gate_state *state = gate_state_of(arrival->service_id);
    if (!state) return;
    __u64 now = arrival->now;
    if (state->cookie_at != now) state->cookie_at = now;
    if (elapsed(now, state->window_at) >= ONVM_GATE_WINDOW) {
        state->unanswered = state->sent > state->answered ? state->sent - state->answered : 0;
        state->sent = state->answered = 0;
        state->window_at = now;
    }
    __sync_fetch_and_add(&state->sent, 1);
}
