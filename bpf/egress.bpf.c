/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * tc ingress of a slot's TAP and of its host end: everything an NF sends passes here, and only here. An NF may speak as the
 * service it belongs to, to the client (or the clients) that steer gave it, in packets that fit the port. All else is dropped.
 * The way out is the kernel's: its routes and neighbours, as for the host's own TCP. Nobody who forges a client's frames
 * can turn the client's answers away, and the MAC addresses in an NF's frames mean nothing.
 *
 * The buffer may be many segments in one (tens of KB, by the NF's TAP device or by GRO), VLAN tag in skb->vlan_tci.
 */
#include "include/onvm_parse.h"
#include "include/onvm_way_back.h"
#include <linux/pkt_cls.h>
#include <bpf/bpf_core_read.h>

/* What a program for tc cannot see in __sk_buff; the loader fills in where this kernel has it (BTF). */
struct sk_buff {
    __u8 ip_summed : 2;
    __u16 csum_start; /* from the start of the buffer, like network_header */
    __u16 csum_offset;
    __u16 network_header;
} __attribute__((preserve_access_index));

enum {
    VIOLATION_EVENT_INTERVAL = 1000000000, /* ns */
    HEADERS_MAX = sizeof(struct ethhdr) + sizeof(struct ipv6hdr) + sizeof(struct tcphdr),
    NANOSECONDS_A_MICROSECOND = 1000,
    MICROSECONDS_A_SECOND = 1000000,
    SEGMENT_MIN = 48, /* bytes of payload; TCP_MIN_SND_MSS of include/net/tcp.h: shorter ones are for wasting CPU time */
    CHECKSUM_PARTIAL = 3, /* include/linux/skbuff.h: whoever sends the buffer on writes the checksum into it */
    TCP_CHECKSUM_OFFSET = 16, /* RFC 9293 §3.1 */
    UDP_CHECKSUM_OFFSET = 6,  /* RFC 768 */
};

/*
 * An NF says where the checksum of its frame is still to be written (struct virtio_net_hdr, TX metadata). That place must
 * be the one of its protocol: anywhere else the kernel or the card would write over what is checked here, an address say.
 */
static __always_inline int completes_properly(struct __sk_buff *skb, const struct packet *packet) {
    struct sk_buff *buffer = (void *)skb;
    if (BPF_CORE_READ_BITFIELD_PROBED(buffer, ip_summed) != CHECKSUM_PARTIAL) return 1;
    __u16 start = BPF_CORE_READ(buffer, csum_start), offset = BPF_CORE_READ(buffer, csum_offset);
    return (__u16)(start - BPF_CORE_READ(buffer, network_header)) == ip_header_length(packet)
        && offset == (packet->protocol == IPPROTO_TCP ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
}

/* The buffer holds what its IP header says, no more and no less, and a run of segments is cut into sensible ones. */
static __always_inline int is_measured(struct __sk_buff *skb, const struct packet *packet) {
    if (packet->length != skb->len - sizeof(struct ethhdr)) return 0;
    return packet->length >= ip_header_length(packet) + packet->header_length;
}

static __always_inline __u32 parse_outgoing(struct __sk_buff *skb, struct departure *departure) {
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (data + HEADERS_MAX > end && skb->len > end - data) {
        __u32 wanted = skb->len < HEADERS_MAX ? skb->len : HEADERS_MAX;
        if (bpf_skb_pull_data(skb, wanted)) return ONVM_OUTCOME_EGRESS_MALFORMED;
        data = (void *)(long)skb->data;
        end = (void *)(long)skb->data_end;
    }
    /* Cutting the buffer into very many segments would be the host's work. */
    if (skb->gso_size && skb->gso_size < SEGMENT_MIN) return ONVM_OUTCOME_EGRESS_MALFORMED;
    struct ethhdr *ethernet = data;
    if ((void *)(ethernet + 1) > end) return ONVM_OUTCOME_EGRESS_MALFORMED;
    copy_macs_reversed(&departure->path, ethernet);
    /* The kernel's neighbours decide about the address; but it would not send for one that says it is for many. */
    if (departure->path.client_mac[0] & 1) return ONVM_OUTCOME_EGRESS_LINK;
    if (skb->vlan_present) {
        /* Tags that are not 802.1Q's, and priorities: no client of ours comes with such, or is answered so. */
        if (skb->vlan_proto != bpf_htons(ETH_P_8021Q)) return ONVM_OUTCOME_EGRESS_NOT_IP;
        departure->path.vlan = ONVM_VLAN_TAGGED | (skb->vlan_tci & 0xfff);
    }

    struct packet *packet = &departure->packet;
    enum parsed parsed = NOT_IP;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = (void *)(ethernet + 1);
        /* Options could route the packet elsewhere (RFC 791 §3.1, source routes): an NF has no use for them. */
        if ((void *)(ip + 1) <= end && ip->ihl > 5) return ONVM_OUTCOME_EGRESS_PROTOCOL;
        parsed = parse_ipv4(ip, end, packet);
    } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        parsed = parse_ipv6(ethernet + 1, end, packet, 0);
        /* An IPv4 address in an IPv6 header (::ffff:a.b.c.d) is nobody's: it would be taken for the IPv4 client's. */
        if (is_ipv4(packet->source)) return ONVM_OUTCOME_EGRESS_SOURCE;
        if (is_ipv4(packet->destination)) return ONVM_OUTCOME_EGRESS_DESTINATION;
    }
    switch (parsed) {
        case PARSED: break;
        case NOT_IP: return ONVM_OUTCOME_EGRESS_NOT_IP;
        case MALFORMED: return ONVM_OUTCOME_EGRESS_MALFORMED;
        case FIRST_FRAGMENT:
        case LATER_FRAGMENT: return ONVM_OUTCOME_EGRESS_FRAGMENT;
        default: return ONVM_OUTCOME_EGRESS_PROTOCOL;
    }
    if (!is_measured(skb, packet)) return ONVM_OUTCOME_EGRESS_LENGTH;
    return completes_properly(skb, packet) ? ONVM_OUTCOME_EGRESS_SENT : ONVM_OUTCOME_EGRESS_MALFORMED;
}

/* Whether the NF speaks as its service: by an endpoint of it, or by any address of this host if it listens on all. */
static __always_inline int may_speak_as(const struct departure *departure) {
    const struct packet *packet = &departure->packet;
    const struct onvm_slot *slot = departure->slot;
    /* The pair that bound the slot was looked up then. */
    int is_first = slot->local_port == packet->source_port && slot->protocol == packet->protocol
        && same_address(&slot->local, &packet->source);
    if (is_first && departure->kind == ONVM_SLOT_BOUND) return 1;
    struct onvm_endpoint_key endpoint = {
        .address = packet->source, .port = packet->source_port, .protocol = packet->protocol};
    __u32 *service = bpf_map_lookup_elem(&endpoints, &endpoint);
    if (service) return *service == slot->service;
    endpoint.address = (struct onvm_address){};
    service = bpf_map_lookup_elem(&endpoints, &endpoint);
    return service && *service == slot->service && is_local(&packet->source);
}

/* Answers go by the kernel's routes; by the way the client came where it came with a VLAN tag, or the service says so. */
static __always_inline __u32 use_path(struct departure *departure, const struct onvm_path *known) {
    struct onvm_exchange *exchange = exchange_of(departure);
    if (exchange && continues(departure, exchange))
        known = departure->packet.tcp_flags & TCP_SYN ? &exchange->syn_path : &exchange->path;
    departure->path = *known;
    departure->has_path = 1;
    departure->by_path = known->vlan || departure->service->flags & ONVM_SERVICE_RETURN_PATH;
    return ONVM_OUTCOME_EGRESS_SENT;
}

/* The slot is bound: is the destination its client, or one that was added (overflow share) or has the same prefix? */
static __always_inline __u32 check_bound(struct departure *departure) {
    const struct packet *packet = &departure->packet;
    struct onvm_slot *slot = departure->slot;
    int is_connection = slot->isolation == ONVM_ISOLATION_CONNECTION;
    if (same_address(&slot->client, &packet->destination)
        && (!is_connection
            || (slot->client_port == packet->destination_port && slot->local_port == packet->source_port
                && slot->protocol == packet->protocol && same_address(&slot->local, &packet->source))))
        return use_path(departure, &slot->path);
    struct onvm_binding_key key = {.service = slot->service};
    if (is_connection) {
        key.client = packet->destination;
        key.local = packet->source;
        key.client_port = packet->destination_port;
        key.local_port = packet->source_port;
        key.protocol = packet->protocol;
    } else {
        key.client = client_of(packet->destination, departure->service);
    }
    struct onvm_binding *binding = bpf_map_lookup_elem(&bindings, &key);
    if (!binding || binding->slot != departure->id || binding->generation != departure->generation)
        return ONVM_OUTCOME_EGRESS_DESTINATION;
    return use_path(departure, &binding->path);
}

/*
 * Isolation none: any client. One that came with a VLAN tag, or of a service that answers by the client's path, is answered
 * where the NF says: by a MAC address of ours, in a VLAN by which clients have come.
 */
static __always_inline __u32 check_sole(struct departure *departure) {
    struct onvm_path *path = &departure->path;
    departure->by_path = path->vlan || departure->service->flags & ONVM_SERVICE_RETURN_PATH;
    struct onvm_mac mac = {};
    __builtin_memcpy(mac.bytes, path->local_mac, 6);
    __u32 *port = bpf_map_lookup_elem(&port_macs, &mac);
    departure->has_path = port != 0;
    path->port = port ? *port : departure->slot->path.port;
    if (departure->by_path && !port) return ONVM_OUTCOME_EGRESS_LINK;
    if (!path->vlan) return ONVM_OUTCOME_EGRESS_SENT;
    struct onvm_vlan_key key = {
        .slot = departure->id, .generation = departure->generation, .port = path->port, .vlan = path->vlan};
    return bpf_map_lookup_elem(&slot_vlans, &key) ? ONVM_OUTCOME_EGRESS_SENT : ONVM_OUTCOME_EGRESS_LINK;
}

/* A flow that the manager pinned to the slot in the other direction is its business, too. */
static __always_inline int has_flow(struct departure *departure) {
    const struct packet *packet = &departure->packet;
    struct onvm_flow_key key = {
        .source = packet->destination,
        .destination = packet->source,
        .source_port = packet->destination_port,
        .destination_port = packet->source_port,
        .protocol = packet->protocol,
    };
    struct onvm_flow_verdict *verdict = bpf_map_lookup_elem(&flows, &key);
    return verdict && verdict->action == ONVM_FLOW_SLOT && verdict->slot == departure->id;
}

static __always_inline __u32 check(struct departure *departure) {
    __u32 zero = 0, service = departure->slot->service;
    struct onvm_settings *current = bpf_map_lookup_elem(&settings, &zero);
    departure->service = bpf_map_lookup_elem(&services, &service);
    if (departure->kind != ONVM_SLOT_BOUND && departure->kind != ONVM_SLOT_SOLE) return ONVM_OUTCOME_EGRESS_NOT_BOUND;
    if (!departure->service) return ONVM_OUTCOME_EGRESS_NOT_BOUND;
    if (current && current->flow_count && has_flow(departure)) return check_sole(departure);
    if (!may_speak_as(departure)) return ONVM_OUTCOME_EGRESS_SOURCE;
    return departure->kind == ONVM_SLOT_SOLE ? check_sole(departure) : check_bound(departure);
}

/* Token bucket. An NF sends by one device, one frame after the other, so nobody else writes here at the same time. */
static __always_inline int within_rate(struct onvm_slot *slot, __u32 byte_count) {
    if (!slot->rate) return 1;
    __u64 now = bpf_ktime_get_ns(), elapsed = (now - slot->tokens_at) / NANOSECONDS_A_MICROSECOND;
    if (elapsed > MICROSECONDS_A_SECOND) elapsed = MICROSECONDS_A_SECOND;
    __s64 tokens = slot->tokens + (__s64)(elapsed * slot->rate / MICROSECONDS_A_SECOND);
    if (tokens > (__s64)slot->burst) tokens = slot->burst;
    slot->tokens_at = now;
    /* A merged buffer may overdraw: the debt is paid before the next one. */
    slot->tokens = tokens > 0 ? tokens - byte_count : tokens;
    return tokens > 0;
}

/* Notes what the client must answer to prove its address (steer: confirm). */
static __always_inline void note_handshake(struct onvm_slot *slot, const struct packet *packet) {
    if (slot->handshake != ONVM_HANDSHAKE_SYN && slot->handshake != ONVM_HANDSHAKE_ANSWERED) return;
    if (packet->protocol == IPPROTO_TCP && (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK)) return;
    __sync_val_compare_and_swap(&slot->handshake, ONVM_HANDSHAKE_SYN, ONVM_HANDSHAKE_ANSWERED);
}

/* Whether each packet that the buffer becomes fits the device. Longer ones have been known to hang network cards. */
static __always_inline int fits(struct __sk_buff *skb, const struct packet *packet, __u32 device) {
    __u32 mtu = 0;
    if (bpf_check_mtu(skb, device, &mtu, 0, 0) < 0) return 0;
    __u32 longest = packet->length;
    if (skb->gso_size) longest = ip_header_length(packet) + packet->header_length + skb->gso_size;
    return longest <= mtu;
}

static __noinline void report_violation(struct onvm_slot *slot, __u32 id, __u32 cause) {
    __u64 now = bpf_ktime_get_coarse_ns();
    if (!slot || (slot->violation_at && now - slot->violation_at < VIOLATION_EVENT_INTERVAL)) return;
    slot->violation_at = now;
    struct onvm_event event = {
        .kind = ONVM_EVENT_VIOLATION,
        .slot = id,
        .generation = slot->state >> 8,
        .cause = cause,
        .service = slot->service,
        .at = now,
    };
    report(&event);
}

static __always_inline int refuse(struct departure *departure, __u32 outcome) {
    count(onvm_outcome_counter(outcome));
    count_slot(departure->id, onvm_outcome_slot_counter(outcome), 1);
    if (onvm_outcome_verdict(outcome) == ONVM_VERDICT_VIOLATION)
        report_violation(departure->slot, departure->id, onvm_outcome_counter(outcome));
    return TC_ACT_SHOT;
}

SEC("tc") int egress(struct __sk_buff *skb) {
    struct departure departure = {};
    __u32 device = skb->ifindex;
    __u32 *id = bpf_map_lookup_elem(&slot_devices, &device);
    if (id) departure.slot = bpf_map_lookup_elem(&slots, id);
    if (!departure.slot) {
        count(ONVM_COUNTER_EGRESS_NO_SLOT);
        return TC_ACT_SHOT;
    }
    departure.id = *id;
    __u64 state = departure.slot->state;
    departure.generation = state >> 8;
    departure.kind = state & 0xff;

    __u32 outcome = parse_outgoing(skb, &departure);
    if (outcome == ONVM_OUTCOME_EGRESS_SENT) outcome = check(&departure);
    if (outcome != ONVM_OUTCOME_EGRESS_SENT) return refuse(&departure, outcome);
    outcome = find_way(skb, &departure);
    if (outcome != ONVM_OUTCOME_EGRESS_SENT) return refuse(&departure, outcome);
    __u32 port = departure.path.port;
    if (!fits(skb, &departure.packet, port)) return refuse(&departure, ONVM_OUTCOME_EGRESS_LENGTH);
    if (!within_rate(departure.slot, skb->len)) return refuse(&departure, ONVM_OUTCOME_EGRESS_RATE);

    __u32 byte_count = skb->len;
    note_handshake(departure.slot, &departure.packet);
    note_exchange(&departure);
    int verdict;
    if (departure.by_path) {
        if (!set_link(skb, &departure.path)) return refuse(&departure, ONVM_OUTCOME_EGRESS_LINK);
        verdict = bpf_redirect(port, 0);
    } else {
        if (skb->vlan_present && bpf_skb_vlan_pop(skb)) return refuse(&departure, ONVM_OUTCOME_EGRESS_LINK);
        int is_known = departure.next.nh_family != 0;
        verdict = bpf_redirect_neigh(port, is_known ? &departure.next : 0, is_known ? sizeof departure.next : 0, 0);
    }
    count(ONVM_COUNTER_EGRESS_SENT);
    struct onvm_slot_counters *values = bpf_map_lookup_elem(&slot_counters, &departure.id);
    if (values) {
        values->values[ONVM_SLOT_COUNTER_SENT]++;
        values->values[ONVM_SLOT_COUNTER_SENT_BYTES] += byte_count;
    }
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
