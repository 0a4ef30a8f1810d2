/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What steer must know of a SYN before it answers it or spends an NF on it: where its headers are, its options, and
 * whether its checksums are right. Functions of their own (not static), which the verifier looks at once.
 */
#pragma once
#include "onvm_gate.h"

enum {
    SEGMENT_BYTES_MAX = 9216, /* the largest MTU we know */
    SUM_CHUNK = 64,
    TCP_HEADER_BYTES = 20,
    TCP_OPTION_BYTES_MAX = 40,
    TCP_OPTION_END = 0,
    TCP_OPTION_NOP = 1,
    TCP_OPTION_SIZE = 2,
    TCP_OPTION_SHIFT = 3,
    TCP_OPTION_SACK = 4,
    TCP_OPTION_TIMESTAMPS = 8,
    WINDOW_SHIFT_MAX = 14, /* RFC 7323 §2.3 */
    NO_WINDOW_SHIFT = 255,
};

/* Offsets in the frame, and the options of a SYN. */
struct segment {
    __u16 network;
    __u16 transport;
    __u16 end; /* of the IP packet: what follows is padding */
    __u16 segment_size; /* 0: not given */
    __u32 timestamp;
    __u8 shift; /* NO_WINDOW_SHIFT: not given */
    __u8 permits_sack;
    __u8 has_timestamp;
    __u8 is_ipv6;
    __u32 text; /* bytes of data */
};

struct option_list {
    __u8 bytes[TCP_OPTION_BYTES_MAX];
    __u32 byte_count;
    __u32 offset;
    __u32 timestamp;
    __u16 segment_size;
    __u8 shift;
    __u8 permits_sack;
    __u8 has_timestamp;
    __u8 pad[3];
};

/* One option, for bpf_loop. As in the stack, a malformed one ends the list, and what came before counts. */
static long read_option(__u32 index __attribute__((unused)), void *data) {
    struct option_list *list = data;
    __u32 at = list->offset;
    if (at >= TCP_OPTION_BYTES_MAX || at >= list->byte_count) return 1;
    __u8 kind = list->bytes[at];
    if (kind == TCP_OPTION_END) return 1;
    if (kind == TCP_OPTION_NOP) {
        list->offset = at + 1;
        return 0;
    }
    if (at + 1 >= TCP_OPTION_BYTES_MAX || at + 1 >= list->byte_count) return 1;
    __u8 length = list->bytes[at + 1];
    if (length < 2 || at + length > list->byte_count) return 1;
    if (kind == TCP_OPTION_SIZE && length == 4 && at + 4 <= TCP_OPTION_BYTES_MAX)
        list->segment_size = (__u16)list->bytes[at + 2] << 8 | list->bytes[at + 3];
    if (kind == TCP_OPTION_SHIFT && length == 3 && at + 3 <= TCP_OPTION_BYTES_MAX) {
        __u8 shift = list->bytes[at + 2];
        list->shift = shift > WINDOW_SHIFT_MAX ? WINDOW_SHIFT_MAX : shift;
    }
    if (kind == TCP_OPTION_SACK && length == 2) list->permits_sack = 1;
    if (kind == TCP_OPTION_TIMESTAMPS && length == 10 && at + 10 <= TCP_OPTION_BYTES_MAX) {
        list->has_timestamp = 1;
        list->timestamp = (__u32)list->bytes[at + 2] << 24 | (__u32)list->bytes[at + 3] << 16
                        | (__u32)list->bytes[at + 4] << 8 | list->bytes[at + 5];
    }
    list->offset = at + length;
    return 0;
}

/* IEEE 802.3, 802.1Q: where the IP header is. */
static __always_inline __u32 network_offset(struct xdp_md *context) {
    __u16 types[3]; /* EtherType, and behind a tag the next one */
    if (bpf_xdp_load_bytes(context, 12, types, sizeof types)) return 0;
    return types[0] == bpf_htons(ETH_P_8021Q) ? 18 : 14;
}

static __always_inline int find_ipv4_segment(struct xdp_md *context, struct segment *segment) {
    __u8 start[4]; /* version and header length, type of service, total length */
    if (bpf_xdp_load_bytes(context, segment->network, start, sizeof start)) return 0;
    segment->transport = segment->network + (start[0] & 15) * 4;
    __u32 end = segment->network + ((__u32)start[2] << 8 | start[3]);
    if (end > 0xffff) return 0;
    segment->end = end;
    return 1;
}

static __always_inline int find_ipv6_segment(struct xdp_md *context, struct segment *segment) {
    __u8 start[4]; /* payload length, next header, hop limit */
    if (bpf_xdp_load_bytes(context, segment->network + 4, start, sizeof start)) return 0;
    __u32 at = segment->network + sizeof(struct ipv6hdr), end = at + ((__u32)start[0] << 8 | start[1]);
    if (end > 0xffff) return 0;
    segment->end = end;
    segment->is_ipv6 = 1;
    __u8 next = start[2];
    for (int step = 0; step < IPV6_EXTENSIONS_MAX && next != IPPROTO_TCP; step++) {
        __u8 header[2];
        if (bpf_xdp_load_bytes(context, at, header, sizeof header)) return 0;
        at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1) * 8;
        next = header[0];
    }
    if (next != IPPROTO_TCP || at > 0xffff) return 0;
    segment->transport = at;
    return 1;
}

/* Fills in `segment` for a TCP frame that was parsed before. 0: its lengths contradict each other. */
__noinline int read_segment(struct xdp_md *context, struct segment *segment) {
    if (!segment) return 0;
    *segment = (struct segment){.shift = NO_WINDOW_SHIFT};
    segment->network = network_offset(context);
    if (!segment->network) return 0;
    __u8 version;
    if (bpf_xdp_load_bytes(context, segment->network, &version, 1)) return 0;
    int found = version >> 4 == 6 ? find_ipv6_segment(context, segment) : find_ipv4_segment(context, segment);
    if (!found || segment->end > bpf_xdp_get_buff_len(context)) return 0;
    __u8 offset;
    __u32 start = segment->transport;
    if (bpf_xdp_load_bytes(context, start + 12, &offset, 1)) return 0;
    __u32 header = offset / 16 * 4;
    if (header < TCP_HEADER_BYTES || start + header > segment->end) return 0;
    segment->text = segment->end - start - header;

    struct option_list list = {.byte_count = header - TCP_HEADER_BYTES, .shift = NO_WINDOW_SHIFT};
    __u32 count = list.byte_count;
    if (count == 0) return 1;
    if (count > TCP_OPTION_BYTES_MAX) return 0;
    if (bpf_xdp_load_bytes(context, start + TCP_HEADER_BYTES, list.bytes, count)) return 0;
    bpf_loop(TCP_OPTION_BYTES_MAX, read_option, &list, 0);
    segment->segment_size = list.segment_size;
    segment->timestamp = list.timestamp;
    segment->shift = list.shift;
    segment->permits_sack = list.permits_sack;
    segment->has_timestamp = list.has_timestamp;
    return 1;
}

/* The Internet checksum's sum (RFC 1071) of a part of the frame, not folded; beyond 32 bits: it is not all there. */
__noinline __u64 sum_bytes(struct xdp_md *context, __u32 offset, __u32 byte_count) {
    __u32 chunk[SUM_CHUNK / 4];
    __u32 sum = 0;
#pragma clang loop unroll(disable)
    for (int index = 0; index < SEGMENT_BYTES_MAX / SUM_CHUNK && byte_count >= SUM_CHUNK; index++) {
        if (bpf_xdp_load_bytes(context, offset, chunk, SUM_CHUNK)) return ~0ULL;
        sum = bpf_csum_diff(0, 0, chunk, SUM_CHUNK, sum);
        offset += SUM_CHUNK;
        byte_count -= SUM_CHUNK;
    }
    if (byte_count >= SUM_CHUNK) return ~0ULL;
    if (!byte_count) return sum;
    __builtin_memset(chunk, 0, sizeof chunk);
    if (bpf_xdp_load_bytes(context, offset, chunk, byte_count)) return ~0ULL;
    return (__u32)bpf_csum_diff(0, 0, chunk, SUM_CHUNK, sum);
}

static __always_inline __u16 folded(__u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* RFC 9293 §3.1: what the pseudo-header has beside the addresses. */
static __always_inline __u64 pseudo_header_rest(__u32 byte_count) {
    return (__u64)bpf_htonl(byte_count) + bpf_htons(IPPROTO_TCP);
}

/* Whether a TCP frame's checksums are right; `allows_partial`: or its checksum is the pseudo-header's sum alone. */
__noinline int has_right_checksums(struct xdp_md *context, int allows_partial) {
    struct segment segment;
    if (!read_segment(context, &segment)) return 0;
    __u32 network = segment.network, start = segment.transport, byte_count = segment.end - start;
    if (!segment.is_ipv6) {
        __u64 header = sum_bytes(context, network, start - network);
        if (header >> 32 || folded(header) != 0xffff) return 0;
    }
    __u64 pseudo = segment.is_ipv6 ? sum_bytes(context, network + 8, 32) : sum_bytes(context, network + 12, 8);
    pseudo += pseudo_header_rest(byte_count);
    __u16 field;
    if (bpf_xdp_load_bytes(context, start + 16, &field, sizeof field)) return 0;
    if (allows_partial && field == folded(pseudo)) return 1;
    __u64 text = sum_bytes(context, start, byte_count);
    return !(text >> 32) && folded(pseudo + text) == 0xffff;
}
