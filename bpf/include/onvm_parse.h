/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* From the IP header to the ports. Reads the linear part only: no driver splits headers from it. */
#pragma once
#include "onvm_types.h"
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

/* <linux/icmp.h> drags in the host's libc headers. RFC 792 and RFC 4443 §2.1: the header that errors have. */
struct icmp_error {
    __u8 type;
    __u8 code;
    __u16 checksum;
    __u32 parameter;
};

enum {
    ICMP_DEST_UNREACH = 3,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETERPROB = 12,
    ICMPV6_FIRST_MESSAGE = 128, /* types below are errors */
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_ACK = 16,
    IPV4_MORE_FRAGMENTS = 0x2000,
    IPV4_FRAGMENT_OFFSET = 0x1fff,
    IPV6_MORE_FRAGMENTS = 1,
    IPV6_FRAGMENT_OFFSET = 0xfff8,
    /* Enough for every chain seen in the wild (RFC 7872); each step costs verifier states. */
    IPV6_EXTENSIONS_MAX = 4,
};

enum parsed {
    PARSED,            /* TCP or UDP */
    PARSED_ICMP_ERROR, /* the packet is the quoted one, source and destination exchanged: as if the client sent it */
    NOT_IP,
    MALFORMED,
    FIRST_FRAGMENT, /* with addresses, protocol and, if they are there, ports */
    LATER_FRAGMENT,
    EXTENSION,
    OTHER_PROTOCOL,
    ICMP_UNMATCHED,
};

struct packet {
    struct onvm_address source;
    struct onvm_address destination;
    __u16 source_port;
    __u16 destination_port;
    __u8 protocol;
    __u8 tcp_flags;
    __u8 is_ipv6;
    __u8 header_length; /* of TCP or UDP, bytes */
    __u32 length;       /* from the IP header on, as that says, bytes */
    __u32 sequence;     /* host byte order */
    __u32 acknowledgment;
};

/* Without IPv4 options and IPv6 extension headers. */
static __always_inline __u32 ip_header_length(const struct packet *packet) {
    return packet->is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static __always_inline struct onvm_address mapped(__u32 ipv4) {
    return (struct onvm_address){.high = 0, .low = (__u64)ipv4 << 32 | bpf_htonl(0xffff)};
}

static __always_inline struct onvm_address loaded(const struct in6_addr *address) {
    const __u32 *words = address->in6_u.u6_addr32;
    return (struct onvm_address){
        .high = (__u64)words[1] << 32 | words[0],
        .low = (__u64)words[3] << 32 | words[2],
    };
}

/* RFC 9293 §3.1, RFC 768. */
static __always_inline enum parsed parse_transport(void *cursor, void *end, __u8 protocol, struct packet *packet) {
    packet->protocol = protocol;
    if (protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = cursor;
        if ((void *)(tcp + 1) > end || tcp->doff < 5) return MALFORMED;
        packet->source_port = tcp->source;
        packet->destination_port = tcp->dest;
        packet->tcp_flags = ((__u8 *)tcp)[13];
        packet->header_length = tcp->doff * 4;
        packet->sequence = bpf_ntohl(tcp->seq);
        packet->acknowledgment = bpf_ntohl(tcp->ack_seq);
        return PARSED;
    }
    if (protocol == IPPROTO_UDP) {
        struct udphdr *udp = cursor;
        if ((void *)(udp + 1) > end) return MALFORMED;
        packet->source_port = udp->source;
        packet->destination_port = udp->dest;
        packet->header_length = sizeof *udp;
        return PARSED;
    }
    return OTHER_PROTOCOL;
}

/* The first of some fragments: whose it is. Too short for its ports, it is nobody's, and no stack puts it together. */
static __always_inline enum parsed parse_first_fragment(
    __u16 *ports, void *end, __u8 protocol, struct packet *packet) {
    packet->protocol = protocol;
    if ((protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && (void *)(ports + 2) <= end) {
        packet->source_port = ports[0];
        packet->destination_port = ports[1];
    }
    return FIRST_FRAGMENT;
}

/*
 * The packet that an ICMP error quotes was sent by one of ours: its source must be the error's own destination
 * (RFC 5927 §4.1 asks for this check), and its reverse is what a client would have sent.
 */
static __always_inline enum parsed quoted(
    struct packet *packet, struct onvm_address source, struct onvm_address destination, __u8 protocol, __u16 *ports,
    void *end) {
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return ICMP_UNMATCHED;
    /* RFC 792: 64 bits of the transport's header, which in TCP end with the sequence number. */
    if ((void *)(ports + 4) > end) return MALFORMED;
    if (source.high != packet->destination.high || source.low != packet->destination.low) return ICMP_UNMATCHED;
    packet->sequence = bpf_ntohl(*(__u32 *)(ports + 2));
    packet->source = destination;
    packet->source_port = ports[1];
    packet->destination_port = ports[0];
    packet->protocol = protocol;
    return PARSED_ICMP_ERROR;
}

/* RFC 792; the types are those of RFC 1122 §3.2.2 that a transport must hear of. */
static __always_inline enum parsed parse_icmp(void *cursor, void *end, struct packet *packet) {
    struct icmp_error *icmp = cursor;
    if ((void *)(icmp + 1) > end) return MALFORMED;
    if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETERPROB)
        return OTHER_PROTOCOL;
    struct iphdr *ip = (void *)(icmp + 1);
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return MALFORMED;
    if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) return ICMP_UNMATCHED;
    return quoted(packet, mapped(ip->saddr), mapped(ip->daddr), ip->protocol, (void *)ip + ip->ihl * 4, end);
}

/* NFs send no extension headers, so the quoted packet has none. */
static __always_inline enum parsed parse_icmpv6(void *cursor, void *end, struct packet *packet) {
    struct icmp_error *icmp = cursor;
    if ((void *)(icmp + 1) > end) return MALFORMED;
    if (icmp->type >= ICMPV6_FIRST_MESSAGE) return OTHER_PROTOCOL;
    struct ipv6hdr *ip = (void *)(icmp + 1);
    if ((void *)(ip + 1) > end || ip->version != 6) return MALFORMED;
    return quoted(packet, loaded(&ip->saddr), loaded(&ip->daddr), ip->nexthdr, (void *)(ip + 1), end);
}

/* RFC 791 §3.1. */
static __always_inline enum parsed parse_ipv4(void *cursor, void *end, struct packet *packet) {
    struct iphdr *ip = cursor;
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return MALFORMED;
    if (bpf_ntohs(ip->tot_len) < ip->ihl * 4) return MALFORMED;
    packet->source = mapped(ip->saddr);
    packet->destination = mapped(ip->daddr);
    packet->length = bpf_ntohs(ip->tot_len);
    if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) return LATER_FRAGMENT;
    cursor += ip->ihl * 4;
    if (ip->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS))
        return parse_first_fragment(cursor, end, ip->protocol, packet);
    if (ip->protocol == IPPROTO_ICMP) return parse_icmp(cursor, end, packet);
    return parse_transport(cursor, end, ip->protocol, packet);
}

/* RFC 8200 §3 and §4. `extensions`: how many extension headers to follow. */
static __always_inline enum parsed parse_ipv6(void *cursor, void *end, struct packet *packet, int extensions) {
    struct ipv6hdr *ip = cursor;
    if ((void *)(ip + 1) > end || ip->version != 6) return MALFORMED;
    packet->source = loaded(&ip->saddr);
    packet->destination = loaded(&ip->daddr);
    packet->is_ipv6 = 1;
    packet->length = sizeof *ip + bpf_ntohs(ip->payload_len);
    __u8 next = ip->nexthdr;
    int is_fragment = 0;
    cursor = ip + 1;
    for (int step = 0; step < extensions; step++) {
        __u8 *header = cursor;
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_FRAGMENT && next != IPPROTO_DSTOPTS)
            break;
        if ((void *)(header + 8) > end) return MALFORMED;
        /* With segments left, the destination is only a stop on the way (RFC 8200 §4.4): the stack's business. */
        if (next == IPPROTO_ROUTING && header[3]) return EXTENSION;
        if (next == IPPROTO_FRAGMENT) {
            __u16 field = (__u16)header[2] << 8 | header[3];
            if (field & IPV6_FRAGMENT_OFFSET) return LATER_FRAGMENT;
            /* Otherwise an atomic fragment: a whole packet (RFC 6946). */
            if (field & IPV6_MORE_FRAGMENTS) is_fragment = 1;
            cursor += 8;
        } else {
            cursor += (header[1] + 1) * 8;
        }
        next = header[0];
    }
    /* All headers up to the transport's are in the first fragment (RFC 7112). */
    if (is_fragment) return parse_first_fragment(cursor, end, next, packet);
    if (next == IPPROTO_TCP || next == IPPROTO_UDP) return parse_transport(cursor, end, next, packet);
    if (next == IPPROTO_ICMPV6) return parse_icmpv6(cursor, end, packet);
    if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT || next == IPPROTO_DSTOPTS
        || next == IPPROTO_AH)
        return EXTENSION;
    return OTHER_PROTOCOL;
}
