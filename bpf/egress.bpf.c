/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * tc ingress of a slot's TAP and of its host end: everything an NF sends passes here, and only here. An NF may speak as the service it
 * belongs to, to the client (or the clients) that steer gave it, over the link they came by. All else is dropped.
 *
 * The buffer may be many segments in one (tens of KB, by the NF's TAP device or by GRO), VLAN tag in skb->vlan_tci.
 */
#include "include/onvm_parse.h"
#include "include/onvm_policy.h"
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
    AF_INET = 2,
    AF_INET6 = 10,
};

/* What egress knows about the buffer in hand. */
struct departure {
    struct packet packet;
    struct onvm_path path; /* as the client's frames have it: our MAC address first */
    __u32 id;
    struct onvm_slot *slot;
    __u32 generation;
    __u32 kind; /* ONVM_SLOT_… */
};

/*
 * An NF says where the checksum of its frame is still to be written (struct virtio_net_hdr, TX metadata). That place must
 * be the one of its protocol: anywhere else the kernel or the card would write over what is checked here, an address say.
 */
static __always_inline int completes_properly(struct __sk_buff *skb, __u8 protocol) {
    struct sk_buff *buffer = (void *)skb;
    if (BPF_CORE_READ_BITFIELD_PROBED(buffer, ip_summed) != CHECKSUM_PARTIAL) return 1;
    __u16 start = BPF_CORE_READ(buffer, csum_start), offset = BPF_CORE_READ(buffer, csum_offset);
    __u16 header = skb->protocol == bpf_htons(ETH_P_IP) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
    return (__u16)(start - BPF_CORE_READ(buffer, network_header)) == header
        && offset == (protocol == IPPROTO_TCP ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
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
    __u16 *to = (__u16 *)&departure->path, *macs = data;
    to[0] = macs[3], to[1] = macs[4], to[2] = macs[5];
    to[3] = macs[0], to[4] = macs[1], to[5] = macs[2];
    if (skb->vlan_present) departure->path.vlan = ONVM_VLAN_TAGGED | (skb->vlan_tci & 0xfff);

    enum parsed parsed = NOT_IP;
    if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
        struct iphdr *ip = (void *)(ethernet + 1);
        /* Options could route the packet elsewhere (RFC 791 §3.1, source routes): an NF has no use for them. */
        if ((void *)(ip + 1) <= end && ip->ihl > 5) return ONVM_OUTCOME_EGRESS_PROTOCOL;
        parsed = parse_ipv4(ip, end, &departure->packet);
    } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
        parsed = parse_ipv6(ethernet + 1, end, &departure->packet, 0);
    }
    switch (parsed) {
        case PARSED:
            return completes_properly(skb, departure->packet.protocol) ? ONVM_OUTCOME_EGRESS_SENT
                                                                       : ONVM_OUTCOME_EGRESS_MALFORMED;
        case NOT_IP: return ONVM_OUTCOME_EGRESS_NOT_IP;
        case MALFORMED: return ONVM_OUTCOME_EGRESS_MALFORMED;
        case FIRST_FRAGMENT:
        case LATER_FRAGMENT: return ONVM_OUTCOME_EGRESS_FRAGMENT;
        default: return ONVM_OUTCOME_EGRESS_PROTOCOL;
    }
}

/* Whether the NF speaks as its service, from an address that its clients have used. */
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
    if (!service || *service != slot->service) return 0;
    struct onvm_local_key local = {
        .address = packet->source, .slot = departure->id, .generation = departure->generation};
    return same_address(&slot->local, &packet->source) || bpf_map_lookup_elem(&locals, &local);
}

/* Only our side of the link: a client network (prefix) has many hosts behind it. */
static __always_inline int same_local_link(const struct onvm_path *left, const struct onvm_path *right) {
    return left->vlan == right->vlan && same_mac(left->local_mac, right->local_mac);
}

static __always_inline int use_path(struct departure *departure, const struct onvm_path *known) {
    departure->path.port = known->port;
    return same_path(&departure->path, known);
}

/* The slot is bound: is the destination its client, or one that was added (overflow share) or has the same prefix? */
static __always_inline __u32 check_bound(struct departure *departure) {
    const struct packet *packet = &departure->packet;
    struct onvm_slot *slot = departure->slot;
    int is_connection = slot->isolation == ONVM_ISOLATION_CONNECTION;
    if (same_address(&slot->client, &packet->destination)
        && (!is_connection
            || (slot->client_port == packet->destination_port && slot->local_port == packet->source_port
                && slot->protocol == packet->protocol && same_address(&slot->local, &packet->source)))) {
        if (use_path(departure, &slot->paths[0]) || use_path(departure, &slot->paths[1])) return ONVM_OUTCOME_EGRESS_SENT;
        return ONVM_OUTCOME_EGRESS_LINK;
    }
    __u32 service_id = slot->service;
    struct onvm_service *service = bpf_map_lookup_elem(&services, &service_id);
    if (!service) return ONVM_OUTCOME_EGRESS_DESTINATION;
    struct onvm_binding_key key = {.service = service_id};
    if (is_connection) {
        key.client = packet->destination;
        key.local = packet->source;
        key.client_port = packet->destination_port;
        key.local_port = packet->source_port;
        key.protocol = packet->protocol;
    } else {
        key.client = client_of(packet->destination, service);
    }
    struct onvm_binding *binding = bpf_map_lookup_elem(&bindings, &key);
    if (!binding || binding->slot != departure->id || binding->generation != departure->generation)
        return ONVM_OUTCOME_EGRESS_DESTINATION;
    if (use_path(departure, &binding->path)) return ONVM_OUTCOME_EGRESS_SENT;
    int is_prefix = !same_address(&key.client, &packet->destination);
    if (is_prefix && same_local_link(&departure->path, &binding->path)) return ONVM_OUTCOME_EGRESS_SENT;
    return ONVM_OUTCOME_EGRESS_LINK;
}

/* Isolation none: any client, by a port of ours; its own MAC address tells which. */
static __always_inline __u32 check_sole(struct departure *departure) {
    const struct onvm_path *last = &departure->slot->paths[0];
    if (departure->path.client_mac[0] & 1) return ONVM_OUTCOME_EGRESS_LINK;
    if (same_local_link(&departure->path, last)) {
        departure->path.port = last->port;
        return ONVM_OUTCOME_EGRESS_SENT;
    }
    struct onvm_mac mac = {};
    __builtin_memcpy(mac.bytes, departure->path.local_mac, 6);
    __u32 *port = bpf_map_lookup_elem(&port_macs, &mac);
    if (!port) return ONVM_OUTCOME_EGRESS_LINK;
    departure->path.port = *port;
    return ONVM_OUTCOME_EGRESS_SENT;
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
    __u32 zero = 0;
    struct onvm_settings *current = bpf_map_lookup_elem(&settings, &zero);
    if (departure->kind != ONVM_SLOT_BOUND && departure->kind != ONVM_SLOT_SOLE) return ONVM_OUTCOME_EGRESS_NOT_BOUND;
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
    if (packet->protocol == IPPROTO_TCP) {
        if ((packet->tcp_flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK)) return;
        slot->expected_ack = packet->sequence + 1;
    }
    __sync_val_compare_and_swap(&slot->handshake, ONVM_HANDSHAKE_SYN, ONVM_HANDSHAKE_ANSWERED);
}

/* Sends by the kernel's routes, but only out of one of our ports. The neighbour tables give the MAC addresses. */
static __always_inline int route(struct __sk_buff *skb, const struct departure *departure, __u32 *outcome) {
    const struct packet *packet = &departure->packet;
    struct bpf_fib_lookup lookup = {.ifindex = departure->path.port, .l4_protocol = packet->protocol};
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        lookup.family = AF_INET;
        lookup.ipv4_src = packet->source.low >> 32;
        lookup.ipv4_dst = packet->destination.low >> 32;
    } else {
        lookup.family = AF_INET6;
        __builtin_memcpy(lookup.ipv6_src, &packet->source, 16);
        __builtin_memcpy(lookup.ipv6_dst, &packet->destination, 16);
    }
    long result = bpf_fib_lookup(skb, &lookup, sizeof lookup, 0);
    __u32 device = lookup.ifindex;
    if (result == BPF_FIB_LKUP_RET_FWD_DISABLED) device = departure->path.port;
    int is_usable = result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH
        || result == BPF_FIB_LKUP_RET_FWD_DISABLED;
    if (is_usable && bpf_map_lookup_elem(&ports, &device)) return bpf_redirect_neigh(device, 0, 0, 0);
    *outcome = ONVM_OUTCOME_EGRESS_NO_ROUTE;
    return TC_ACT_SHOT;
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
    if (outcome == ONVM_OUTCOME_EGRESS_SENT && !within_rate(departure.slot, skb->len)) outcome = ONVM_OUTCOME_EGRESS_RATE;
    if (outcome != ONVM_OUTCOME_EGRESS_SENT) return refuse(&departure, outcome);

    note_handshake(departure.slot, &departure.packet);
    int verdict;
    __u32 service_id = departure.slot->service;
    struct onvm_service *service = bpf_map_lookup_elem(&services, &service_id);
    if (service && service->flags & ONVM_SERVICE_RETURN_ROUTE) {
        verdict = route(skb, &departure, &outcome);
        if (outcome != ONVM_OUTCOME_EGRESS_SENT) return refuse(&departure, outcome);
    } else {
        verdict = bpf_redirect(departure.path.port, 0);
    }
    count(ONVM_COUNTER_EGRESS_SENT);
    struct onvm_slot_counters *values = bpf_map_lookup_elem(&slot_counters, &departure.id);
    if (values) {
        values->values[ONVM_SLOT_COUNTER_SENT]++;
        values->values[ONVM_SLOT_COUNTER_SENT_BYTES] += skb->len;
    }
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
