/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What steer answers by itself: the SYN,ACK with a cookie, and the reset of who finds no NF. An answer takes the place of
 * the frame it answers, and its IP packet is no longer than that one: nobody can make the platform amplify. Only steer
 * includes this.
 */
#pragma once
#include "onvm_pressure.h"

enum { OPTION_WORDS = 5, LEAST_FRAME_BYTES = 60, ANSWER_HOPS = 64 };

/* RFC 9293 §3.1, with room for MSS, SACK-permitted, timestamps and window scale. */
struct answer_segment {
    __u16 source_port;
    __u16 destination_port;
    __u32 sequence;
    __u32 acknowledgment;
    __u8 offset;
    __u8 flags;
    __u16 window;
    __u16 checksum;
    __u16 urgent;
    __u32 options[OPTION_WORDS];
};
_Static_assert(sizeof(struct answer_segment) == 40, "no hidden padding");

/*
 * The options of a SYN,ACK in `room` words: those that the peer gave and the NF's stack would offer. Without timestamps
 * there is nowhere to keep the window shift and SACK. Returns the words used.
 */
static __always_inline __u32 write_options(
    struct answer_segment *answer, const struct onvm_gate *gate, const struct segment *segment, __u32 clock,
    __u32 room) {
    int times = segment->has_timestamp && gate->options & ONVM_GATE_TIMESTAMPS && room >= 3;
    int scales = times && segment->shift != NO_WINDOW_SHIFT && room >= 4;
    int sacks = times && segment->permits_sack && gate->options & ONVM_GATE_SACK;
    __u32 rest = times ? (scales ? 4 : 3) : 0;
    __u32 timestamp = onvm_cookie_timestamp(clock, scales ? segment->shift : NO_WINDOW_SHIFT, sacks);
    struct tail {
        __u32 words[4];
    } tail = {};
    if (times) {
        tail.words[0] = bpf_htonl(sacks ? 0x0402080a : 0x0101080a); /* SACK-permitted or two NOPs, then timestamps */
        tail.words[1] = bpf_htonl(timestamp);
        tail.words[2] = bpf_htonl(segment->timestamp);
        if (scales) tail.words[3] = bpf_htonl(0x01030300 | gate->shift);
    }
    if (room == rest) {
        *(struct tail *)&answer->options[0] = tail;
        return rest;
    }
    __u16 size = segment->is_ipv6 ? gate->segment_size_ipv6 : gate->segment_size_ipv4;
    answer->options[0] = bpf_htonl(0x02040000 | size);
    *(struct tail *)&answer->options[1] = tail;
    return 1 + rest;
}

/* Returns the words of options, or a negative number. */
static __noinline int write_cookie(
    const struct packet *packet, struct answer_segment *answer, const struct segment *segment, __u32 service,
    __u32 room) {
    struct onvm_gate *gate = bpf_map_lookup_elem(&gates, &service);
    struct onvm_cookie_secret *secret = the_gate_secret();
    if (!gate || !secret) return -1;
    struct onvm_cookie_connection connection = cookie_connection(packet);
    /* RFC 9293 §3.7.1: what a peer takes that does not say. */
    __u32 size = segment->segment_size ? segment->segment_size : segment->is_ipv6 ? 1220 : 536;
    __u64 now = bpf_ktime_get_coarse_ns();
    __u64 cookie = onvm_cookie_make(secret, &connection, packet->sequence, size, now);
    answer->sequence = bpf_htonl((__u32)cookie);
    answer->acknowledgment = bpf_htonl(packet->sequence + 1);
    answer->flags = TCP_SYN | TCP_ACK;
    answer->window = bpf_htons(gate->window);
    return write_options(answer, gate, segment, (__u32)(now / 1000000) + (__u32)(cookie >> 32), room);
}

/* RFC 9293 §3.5.2, for a SYN or an ACK. */
static __always_inline void write_reset(
    const struct packet *packet, struct answer_segment *answer, const struct segment *segment) {
    if (packet->tcp_flags & TCP_ACK) {
        answer->sequence = bpf_htonl(packet->acknowledgment);
        answer->flags = TCP_RST;
    } else {
        answer->acknowledgment = bpf_htonl(packet->sequence + 1 + segment->text);
        answer->flags = TCP_RST | TCP_ACK;
    }
}

static __noinline int store_ipv4(
    struct xdp_md *context, const struct packet *packet, __u32 network, __u32 byte_count) {
    struct iphdr ip = {
        .version = 4, .ihl = 5, .tot_len = bpf_htons(sizeof ip + byte_count), .frag_off = bpf_htons(0x4000 /* DF */),
        .ttl = ANSWER_HOPS, .protocol = IPPROTO_TCP, .saddr = packet->destination.low >> 32,
        .daddr = packet->source.low >> 32};
    ip.check = ~folded((__u32)bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof ip, 0));
    return bpf_xdp_store_bytes(context, network, &ip, sizeof ip);
}

static __noinline int store_ipv6(
    struct xdp_md *context, const struct packet *packet, __u32 network, __u32 byte_count) {
    struct {
        __u32 first;
        __u16 length;
        __u8 next;
        __u8 hops;
        struct onvm_address source, destination;
    } ip = {bpf_htonl(0x60000000), bpf_htons(byte_count), IPPROTO_TCP, ANSWER_HOPS, packet->destination, packet->source};
    return bpf_xdp_store_bytes(context, network, &ip, sizeof ip);
}

/* The frame's link header with its addresses exchanged; a VLAN tag stays. */
static __always_inline int exchange_addresses(struct xdp_md *context) {
    __u8 before[12], after[12];
    if (bpf_xdp_load_bytes(context, 0, before, sizeof before)) return -1;
    __builtin_memcpy(after, before + 6, 6);
    __builtin_memcpy(after + 6, before, 6);
    return bpf_xdp_store_bytes(context, 0, after, sizeof after);
}

/* How the finished answer leaves. */
static __always_inline int send_answer(struct xdp_md *context) {
    if (!(port_flags(context->ingress_ifindex) & ONVM_PORT_ANSWERS_BY_TC)) return XDP_TX;
    if (bpf_xdp_adjust_meta(context, -(int)sizeof(__u32))) return XDP_DROP;
    __u32 *mark = (void *)(long)context->data_meta;
    if ((void *)(mark + 1) > (void *)(long)context->data) return XDP_DROP;
    *mark = ONVM_ANSWER_MAGIC;
    return XDP_PASS;
}

/*
 * Puts the answer in the frame's place. XDP_DROP: the frame cannot hold it. Not static: the verifier looks at it once,
 * and not again for each of the ways that lead here.
 */
__noinline int answer_frame(struct xdp_md *context, __u32 service, int is_reset) {
    struct segment segment;
    struct packet packet = {};
    struct answer_segment answer = {};
    if (parse_frame(context, &packet) != PARSED || !read_segment(context, &segment)) return XDP_DROP;
    __u32 header = segment.is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    __u32 start = segment.network + header;
    if (segment.end < start + TCP_HEADER_BYTES) return XDP_DROP;
    int words = 0;
    if (is_reset) write_reset(&packet, &answer, &segment);
    else words = write_cookie(&packet, &answer, &segment, service, (segment.end - start - TCP_HEADER_BYTES) / 4);
    if (words < 0 || words > OPTION_WORDS) return XDP_DROP;
    __u32 byte_count = TCP_HEADER_BYTES + 4 * words;
    answer.source_port = packet.destination_port;
    answer.destination_port = packet.source_port;
    answer.offset = byte_count / 4 << 4;
    /*
     * The sum of both addresses does not care which is which, and an IPv4-mapped one adds 0xffff, which is zero in one's
     * complement. Unused options are zero.
     */
    __u64 sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)&packet.source, 2 * sizeof packet.source, 0);
    sum += pseudo_header_rest(byte_count);
    answer.checksum = ~folded(sum + (__u32)bpf_csum_diff(0, 0, (__be32 *)&answer, sizeof answer, 0));

    if (exchange_addresses(context)) return XDP_DROP;
    int failed = segment.is_ipv6 ? store_ipv6(context, &packet, segment.network, byte_count)
                                 : store_ipv4(context, &packet, segment.network, byte_count);
    if (failed || bpf_xdp_store_bytes(context, start, &answer, byte_count)) return XDP_DROP;
    /* Ethernet's least length stays (IEEE 802.3 §3.2.8): what fills it are the sender's own bytes. */
    __u32 length = start + byte_count, before = bpf_xdp_get_buff_len(context);
    if (length < LEAST_FRAME_BYTES) length = before < LEAST_FRAME_BYTES ? before : LEAST_FRAME_BYTES;
    if (before > length && bpf_xdp_adjust_tail(context, (int)length - (int)before)) return XDP_DROP;
    return send_answer(context);
}
