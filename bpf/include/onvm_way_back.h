/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The way back: where a frame that an NF may send leaves, and what is remembered of its conversation for that. Only egress
 * includes this.
 */
#pragma once
#include "onvm_parse.h"
#include "onvm_policy.h"

enum { AF_INET = 2, AF_INET6 = 10 };

/* What egress knows about the buffer in hand. */
struct departure {
    struct packet packet;
    struct onvm_path path; /* the way it leaves by, as a client's frames have it; all but the port only where `by_path` */
    __u32 id;
    struct onvm_slot *slot;
    struct onvm_service *service;
    __u32 generation;
    __u32 kind; /* ONVM_SLOT_… */
    __u32 has_path;              /* `path` is a way by which its receiver's frames came */
    __u32 by_path;               /* and the one to take; otherwise the neighbour below */
    struct bpf_redir_neigh next; /* the next hop on the kernel's route; family 0: bpf_redirect_neigh looks it up */
};

static __always_inline struct onvm_exchange *exchange_of(const struct departure *departure) {
    const struct packet *packet = &departure->packet;
    if (packet->protocol != IPPROTO_TCP) return 0;
    return find_exchange(departure->id, packet->destination, packet->destination_port, packet->source_port);
}

static __always_inline int continues(const struct departure *departure, const struct onvm_exchange *exchange) {
    const struct packet *packet = &departure->packet;
    return is_exchange(exchange, packet->destination, packet->destination_port, packet->source_port);
}

/* RFC 9293 §3.4: what the segment takes of the sequence numbers. */
static __always_inline __u32 sequence_space(const struct packet *packet) {
    return packet->length - ip_header_length(packet) - packet->header_length
        + ((packet->tcp_flags & (TCP_SYN | TCP_FIN)) != 0);
}

/* Remembers how far the NF has got in a conversation: what a client can acknowledge, what an ICMP error can quote. */
static __always_inline void note_exchange(const struct departure *departure) {
    const struct packet *packet = &departure->packet;
    struct onvm_exchange *exchange = exchange_of(departure);
    if (!exchange || packet->tcp_flags & TCP_RST) return;
    __u32 next = packet->sequence + sequence_space(packet);
    if (continues(departure, exchange) && !(packet->tcp_flags & TCP_SYN)) {
        /* Not back for what is sent again. */
        if ((__s32)(next - exchange->sent_next) > 0) exchange->sent_next = next;
        return;
    }
    begin_exchange(
        exchange, packet->destination, packet->destination_port, packet->source_port, &departure->path);
    exchange->acknowledged = packet->sequence;
    exchange->sent_next = next;
}

/* Whether all of the segment was on its way before: nobody answered. */
static __always_inline int is_sent_again(const struct departure *departure) {
    struct onvm_exchange *exchange = exchange_of(departure);
    if (!exchange || !continues(departure, exchange) || is_silent(exchange)) return 0;
    __u32 byte_count = sequence_space(&departure->packet);
    __s32 ahead = departure->packet.sequence + byte_count - exchange->sent_next;
    /* A SYN of another connection with the same ports has nothing to do with what was sent before. */
    return departure->packet.tcp_flags & TCP_SYN ? !ahead : byte_count && ahead <= 0;
}

/*
 * Asks the kernel's routes where the packet goes: out of a port, to a neighbour. One that the kernel has not resolved yet
 * is reached where the client's own frames came from, so that floods from addresses that do not exist cannot fill up the
 * neighbour table; but what has to be sent again waits for the kernel to ask (ARP, NDP): the neighbour may have changed.
 */
static __always_inline __u32 find_way(struct __sk_buff *skb, struct departure *departure) {
    __u32 zero = 0;
    struct onvm_settings *current = bpf_map_lookup_elem(&settings, &zero);
    if (departure->by_path) return ONVM_OUTCOME_EGRESS_SENT;
    if (!current || !current->route_device) goto unasked;
    const struct packet *packet = &departure->packet;
    struct bpf_fib_lookup lookup = {
        .ifindex = current->route_device,
        .l4_protocol = packet->protocol,
        .sport = packet->source_port,
        .dport = packet->destination_port,
    };
    if (!packet->is_ipv6) {
        lookup.family = AF_INET;
        lookup.ipv4_src = packet->source.low >> 32;
        lookup.ipv4_dst = packet->destination.low >> 32;
    } else {
        lookup.family = AF_INET6;
        __builtin_memcpy(lookup.ipv6_src, &packet->source, 16);
        __builtin_memcpy(lookup.ipv6_dst, &packet->destination, 16);
    }
    /* RFC 4291 §2.5.6: link-local addresses are never routed (and not looked up). They are where they came from. */
    if (packet->is_ipv6 && (bpf_ntohl(lookup.ipv6_dst[0]) & 0xffc00000) == 0xfe800000) {
        departure->by_path = departure->has_path;
        return departure->has_path ? ONVM_OUTCOME_EGRESS_SENT : ONVM_OUTCOME_EGRESS_NO_ROUTE;
    }
    long result = bpf_fib_lookup(skb, &lookup, sizeof lookup, 0);
    if (result == BPF_FIB_LKUP_RET_FWD_DISABLED) goto unasked;
    if (result != BPF_FIB_LKUP_RET_SUCCESS && result != BPF_FIB_LKUP_RET_NO_NEIGH) return ONVM_OUTCOME_EGRESS_NO_ROUTE;
    __u32 device = lookup.ifindex;
    if (!bpf_map_lookup_elem(&ports, &device)) return ONVM_OUTCOME_EGRESS_NO_ROUTE;
    int is_resolved = result == BPF_FIB_LKUP_RET_SUCCESS;
    if (!is_resolved && departure->has_path && device == departure->path.port && !is_sent_again(departure)) {
        departure->by_path = 1;
        return ONVM_OUTCOME_EGRESS_SENT;
    }
    departure->path.port = device;
    departure->next.nh_family = lookup.family;
    __builtin_memcpy(departure->next.ipv6_nh, lookup.ipv6_dst, 16);
    return ONVM_OUTCOME_EGRESS_SENT;
unasked:
    /* Then bpf_redirect_neigh asks for itself, with the client's port as the only way out. */
    return departure->path.port ? ONVM_OUTCOME_EGRESS_SENT : ONVM_OUTCOME_EGRESS_NO_ROUTE;
}

/* Gives the frame the link header of the path. What the NF wrote there means nothing. */
static __always_inline int set_link(struct __sk_buff *skb, const struct onvm_path *path) {
    __u16 tag = path->vlan & 0xfff;
    if (skb->vlan_present && bpf_skb_vlan_pop(skb)) return 0;
    struct onvm_path reversed;
    copy_macs_reversed(&reversed, path);
    if (bpf_skb_store_bytes(skb, 0, &reversed, 12, 0)) return 0;
    return !path->vlan || !bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), tag);
}
