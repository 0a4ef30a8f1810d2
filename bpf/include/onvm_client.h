/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What steer learns of a client from its frames: that it is where it says, by which way it comes, that it is still there; and
 * which ICMP errors in its name its NF hears of. Anybody can forge a client's frames: what is believed is what only one can
 * know who has received the NF's answers. Only steer includes this.
 */
#pragma once
#include "onvm_assign.h"

/* RFC 9293 §3.5: who acknowledges an NF's SYN, on whichever connection, has received it: its address is no forgery. */
static __always_inline int has_heard(const struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    if (!(packet->tcp_flags & TCP_ACK) || packet->tcp_flags & (TCP_SYN | TCP_RST)) return 0;
    const struct onvm_exchange *exchange =
        find_exchange(arrival->slot, packet->source, packet->source_port, packet->destination_port);
    if (!exchange || !is_exchange(exchange, packet->source, packet->source_port, packet->destination_port)) return 0;
    return packet->acknowledgment - exchange->acknowledged - 1 < exchange->sent_next - exchange->acknowledged;
}

static __always_inline void confirm(struct onvm_slot *slot, struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    if (slot->handshake != ONVM_HANDSHAKE_ANSWERED || packet->protocol != slot->protocol) return;
    if (packet->protocol == IPPROTO_TCP && !has_heard(arrival)) return;
    __u32 before =
        __sync_val_compare_and_swap(&slot->handshake, ONVM_HANDSHAKE_ANSWERED, ONVM_HANDSHAKE_CONFIRMED);
    if (before != ONVM_HANDSHAKE_ANSWERED) return;
    leave_half_open(slot->half_open_bucket);
    count_half_open(slot->service, -1);
    count(ONVM_COUNTER_CONFIRMED);
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_CONFIRMED);
    report_arrival(arrival, ONVM_EVENT_CONFIRMED, slot->state >> 8, slot->guests != 0);
}

/* Answers of an untagged client follow the kernel's routes, unless the service wants otherwise. */
static __always_inline int returns_by_path(const struct arrival *arrival) {
    return arrival->path.vlan || arrival->service->flags & ONVM_SERVICE_RETURN_PATH;
}

/*
 * Whether the frame acknowledges what the NF sent and its client had not acknowledged yet, or just all of it. Who forges a
 * client's frames cannot know that, and so cannot turn its answers away.
 */
static __always_inline int acknowledges(const struct packet *packet, struct onvm_exchange *exchange) {
    if (!(packet->tcp_flags & TCP_ACK) || packet->tcp_flags & TCP_RST || is_silent(exchange)) return 0;
    __u32 outstanding = exchange->sent_next - exchange->acknowledged;
    if (exchange->sent_next - packet->acknowledgment > outstanding) return 0;
    if (exchange->acknowledged != packet->acknowledgment) exchange->acknowledged = packet->acknowledgment;
    return 1;
}

/*
 * Learns by which way answers reach the client. Each conversation has its own; `known` is for those that were forgotten.
 * Writes only what changed: these cache lines are shared by all CPUs that serve the client.
 */
static __always_inline void note_path(struct onvm_path *known, const struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    int is_syn = packet->tcp_flags & TCP_SYN;
    if (packet->protocol != IPPROTO_TCP || (!is_syn && !returns_by_path(arrival) && !known->vlan)) return;
    struct onvm_exchange *exchange =
        find_exchange(arrival->slot, packet->source, packet->source_port, packet->destination_port);
    if (!exchange) return;
    if (!is_exchange(exchange, packet->source, packet->source_port, packet->destination_port)) {
        if (!is_syn) return;
        begin_exchange(exchange, packet->source, packet->source_port, packet->destination_port, known);
    }
    if (is_syn) {
        exchange->syn_path = arrival->path;
    } else if (acknowledges(packet, exchange)) {
        if (!same_path(&exchange->path, &arrival->path)) exchange->path = arrival->path;
        if (!same_path(known, &arrival->path)) *known = arrival->path;
    }
}

/* The NF of isolation none answers where a frame came from, so what counts is by which links frames come. */
static __always_inline void note_link(__u32 id, struct onvm_slot *slot, const struct arrival *arrival) {
    if (!arrival->path.vlan) return;
    struct onvm_vlan_key key = {
        .slot = id, .generation = slot->state >> 8, .port = arrival->path.port, .vlan = arrival->path.vlan};
    if (!bpf_map_lookup_elem(&slot_vlans, &key)) bpf_map_update_elem(&slot_vlans, &key, &arrival->now, BPF_ANY);
}

/* A RST says that its sender has nothing here any more, and any segment of the NF to a client that left provokes one. */
static __always_inline void note_seen(struct onvm_slot *slot, const struct arrival *arrival) {
    __u64 now = arrival->now;
    if (arrival->packet.tcp_flags & TCP_RST) return;
    if (now - slot->last_seen >= ONVM_LAST_SEEN_STEP) slot->last_seen = now;
}

/* How many ICMP errors an NF hears of in a window: 64 a second, or 1,000 where it serves all. Anybody may forge them. */
enum { ICMP_ERRORS_BOUND = 8, ICMP_ERRORS_SOLE = 128, ICMP_WINDOW = 125000000 /* ns */ };

/*
 * ICMP errors come from anywhere and anybody. RFC 5927 §4.1: the packet that one quotes must be one that was sent lately;
 * what an NF for everybody has sent to whom is too much to remember, and its TCP looks at the sequence number itself.
 */
static __always_inline __u32 tell_icmp(struct onvm_slot *slot, struct arrival *arrival, __u32 limit, int remembers) {
    const struct packet *packet = &arrival->packet;
    /* RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c) */
    if (packet->length > (packet->is_ipv6 ? 1280 : 576)) return ONVM_OUTCOME_DROP_ICMP_LARGE;
    if (remembers && packet->protocol == IPPROTO_TCP) {
        struct onvm_exchange *exchange =
            find_exchange(arrival->slot, packet->source, packet->source_port, packet->destination_port);
        if (!exchange || !is_exchange(exchange, packet->source, packet->source_port, packet->destination_port)
            || exchange->sent_next - packet->sequence - 1 >= ONVM_SEND_WINDOW)
            return ONVM_OUTCOME_DROP_ICMP_SEQUENCE;
    }
    if (arrival->now - slot->icmp_at >= ICMP_WINDOW) {
        slot->icmp_at = arrival->now;
        slot->icmp_count = 0;
    }
    return __sync_fetch_and_add(&slot->icmp_count, 1) < limit ? ONVM_OUTCOME_REDIRECT_ICMP : ONVM_OUTCOME_DROP_ICMP_RATE;
}
