/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * XDP on a port: decides for each frame whether an NF gets it, and which.
 *
 *   flow table → endpoint of a service → its sole slot, or binding → SYN gate → assignment → otherwise the kernel's stack
 *
 * A frame that goes on is never changed. Checksums are looked at only before an NF is spent: on virtual devices they
 * may be partial, and whoever uses the data checks them. Works in native and in generic mode; `frags`, because only the
 * headers are read.
 * A VLAN tag that the NIC strips is invisible to XDP: the manager turns that offload off.
 */
#include "include/onvm_answer.h"
#include "include/onvm_client.h"

/* The slot with its entry in DEVMAP; BPF_MAP_TYPE_DEVMAP checks that the device can take the frame. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} hosts SEC(".maps");

struct vlan_header {
    __u16 control;
    __u16 type;
};

/*
 * Everything below returns the outcome (ONVM_OUTCOME_…); `steer` counts it and acts on its verdict, in one place.
 * A REDIRECT outcome has its slot in arrival->slot.
 */
static __always_inline int is_live(const struct onvm_slot *slot, const struct onvm_binding *binding) {
    return slot && slot->state == slot_state(binding->generation, ONVM_SLOT_BOUND);
}

/* Whether the frame comes from the very client (isolation client) or connection that took the slot. */
static __always_inline int is_first_client(const struct onvm_slot *slot, const struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    if (!same_address(&slot->client, &packet->source)) return 0;
    if (slot->isolation != ONVM_ISOLATION_CONNECTION) return 1;
    return slot->client_port == packet->source_port && slot->local_port == packet->destination_port
        && slot->protocol == packet->protocol && same_address(&slot->local, &packet->destination);
}

/*
 * A slot that is not shared never gets a frame of anyone but its client (and the rest of its prefix), whatever the
 * binding says: the element of a hash map may have become another client's since it was looked up.
 */
static __always_inline int may_reach(const struct onvm_slot *slot, const struct arrival *arrival) {
    if (slot->guests || is_first_client(slot, arrival)) return 1;
    if (slot->isolation == ONVM_ISOLATION_CONNECTION) return 0;
    struct onvm_address owner = client_of(slot->client, arrival->service);
    return same_address(&owner, &arrival->key.client);
}

static __always_inline __u32 serve_bound(
    struct onvm_binding *binding, struct onvm_slot *slot, struct arrival *arrival) {
    arrival->slot = binding->slot;
    if (is_first_client(slot, arrival)) {
        confirm(slot, arrival);
        note_path(&slot->path, arrival);
    } else {
        note_path(&binding->path, arrival);
        __u32 now = arrival->now / ONVM_LAST_SEEN_STEP;
        if (binding->seen != now) binding->seen = now;
    }
    note_seen(slot, arrival);
    return ONVM_OUTCOME_REDIRECT_BOUND;
}

/* Isolation none: clients come by many ways; what counts is which of our addresses and ports they use. */
static __always_inline __u32 serve_sole(struct arrival *arrival, int is_error) {
    __u32 id = arrival->service->sole_slot - 1;
    struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &id);
    if (!slot || (slot->state & 0xff) != ONVM_SLOT_SOLE) {
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_DEAD_SLOT);
        return ONVM_OUTCOME_PASS_DEAD_SLOT;
    }
    arrival->slot = id;
    if (is_error) return tell_icmp(slot, arrival, ICMP_ERRORS_SOLE, 0);
    if (slot->path.port != arrival->path.port) slot->path.port = arrival->path.port;
    note_link(id, slot, arrival);
    note_seen(slot, arrival);
    return ONVM_OUTCOME_REDIRECT_SOLE;
}

static __always_inline __u32 assign(struct arrival *arrival) {
    __u32 *overloaded = bpf_map_lookup_elem(&overload, &arrival->service_id);
    if (overloaded && *overloaded) {
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_OVERLOAD);
        return ONVM_OUTCOME_DROP_OVERLOAD;
    }
    __u32 guarded = guard(arrival);
    if (guarded) return guarded;
    struct admission admission;
    __u32 refusal = admit(arrival, &admission);
    if (refusal) return refusal;
    struct onvm_idle_slot taken = {};
    void *queue = bpf_map_lookup_elem(&idle, &arrival->service_id);
    struct onvm_slot *slot = queue ? take_idle(queue, &taken) : 0;
    if (!slot) {
        withdraw(arrival, &admission);
        return can_wait(arrival) ? put_off(arrival) : overflow(arrival);
    }
    seat(slot, arrival, &admission);
    struct onvm_binding binding = {
        .slot = taken.slot, .generation = taken.generation, .path = arrival->path, .bucket = ONVM_NO_BUCKET};
    if (bpf_map_update_elem(&bindings, &arrival->key, &binding, BPF_NOEXIST)) {
        put_back(queue, slot, &taken);
        struct onvm_binding *winner = bpf_map_lookup_elem(&bindings, &arrival->key);
        if (!winner) return ONVM_OUTCOME_DROP_BINDING;
        count(ONVM_COUNTER_RACE_LOST);
        slot = bpf_map_lookup_elem(&slots, &winner->slot);
        if (!is_live(slot, winner)) return ONVM_OUTCOME_PASS_DEAD_SLOT;
        return serve_bound(winner, slot, arrival);
    }
    count(ONVM_COUNTER_ASSIGNED);
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_ASSIGNED);
    arrival->slot = taken.slot;
    note_path(&slot->path, arrival);
    report_arrival(arrival, ONVM_EVENT_BOUND, taken.generation, 0);
    return ONVM_OUTCOME_REDIRECT_ASSIGNED;
}

static __always_inline void make_key(struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    struct onvm_binding_key *key = &arrival->key;
    key->service = arrival->service_id;
    if (arrival->service->isolation == ONVM_ISOLATION_CONNECTION) {
        key->client = packet->source;
        key->local = packet->destination;
        key->client_port = packet->source_port;
        key->local_port = packet->destination_port;
        key->protocol = packet->protocol;
    } else {
        key->client = client_of(packet->source, arrival->service);
    }
}

static __always_inline __u32 serve(struct arrival *arrival, int is_error) {
    const struct packet *packet = &arrival->packet;
    make_key(arrival);
    struct onvm_binding *binding = bpf_map_lookup_elem(&bindings, &arrival->key);
    if (binding) {
        struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &binding->slot);
        if (is_live(slot, binding) && may_reach(slot, arrival)) {
            arrival->slot = binding->slot;
            if (is_error) return tell_icmp(slot, arrival, ICMP_ERRORS_BOUND, 1);
            return serve_bound(binding, slot, arrival);
        }
    }
    if (is_error) return ONVM_OUTCOME_PASS_ICMP_UNMATCHED;
    __u8 handshake = packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
    if (packet->protocol != IPPROTO_UDP && handshake != TCP_SYN && !returns_cookie(arrival)) {
        if (is_waiting(arrival)) return ONVM_OUTCOME_DROP_HELD;
        if (!binding) return ONVM_OUTCOME_PASS_NO_BINDING;
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_DEAD_SLOT);
        return ONVM_OUTCOME_PASS_DEAD_SLOT;
    }
    /* Its slot is gone. Only here: a late segment must not take away what a SYN on another CPU has just got. */
    if (binding) {
        __u32 bucket = binding->bucket;
        if (!bpf_map_delete_elem(&bindings, &arrival->key) && bucket != ONVM_NO_BUCKET) leave(&served, bucket);
    }
    __u32 outcome = assign(arrival);
    if (arrival->is_proven && onvm_outcome_verdict(outcome) == ONVM_VERDICT_REDIRECT) note_admitted(arrival);
    return outcome;
}

/* What the verdict pinned to the flow says; 0: there is none. */
static __always_inline __u32 follow_flow(struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    struct onvm_flow_key key = {
        .source = packet->source,
        .destination = packet->destination,
        .source_port = packet->source_port,
        .destination_port = packet->destination_port,
        .protocol = packet->protocol,
    };
    struct onvm_flow_verdict *verdict = bpf_map_lookup_elem(&flows, &key);
    if (!verdict) return 0;
    if (verdict->action == ONVM_FLOW_DROP) return ONVM_OUTCOME_DROP_FLOW;
    if (verdict->action != ONVM_FLOW_SLOT) return ONVM_OUTCOME_PASS_FLOW;
    struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &verdict->slot);
    if (!slot || (slot->state & 0xff) < ONVM_SLOT_BOUND) return ONVM_OUTCOME_PASS_DEAD_SLOT;
    arrival->slot = verdict->slot;
    return ONVM_OUTCOME_REDIRECT_FLOW;
}

/* The service whose endpoint the packet is for, or 0. */
static __always_inline __u32 find_service(struct arrival *arrival, __u32 *is_wildcard) {
    struct onvm_endpoint_key key = {
        .address = arrival->packet.destination,
        .port = arrival->packet.destination_port,
        .protocol = arrival->packet.protocol,
    };
    __u32 *service = bpf_map_lookup_elem(&endpoints, &key);
    if (service) return *service;
    if (!arrival->settings->has_wildcards) return 0;
    key.address = (struct onvm_address){};
    service = bpf_map_lookup_elem(&endpoints, &key);
    *is_wildcard = 1;
    return service ? *service : 0;
}

/* A port in promiscuous mode also sees what is meant for others, a router what passes: "any address" means any of ours. */
static __always_inline int is_for_us(const struct arrival *arrival) {
    struct onvm_mac *mac = bpf_map_lookup_elem(&ports, &arrival->path.port);
    return mac && same_mac(mac->bytes, arrival->path.local_mac) && is_local(&arrival->packet.destination);
}

/*
 * What the kernel's own input would not take from the wire (ip_route_input_slow of net/ipv4/route.c, ip6_rcv_core of
 * net/ipv6/ip6_input.c, tcp_v6_conn_request), and what is reserved (RFC 1112 §4) or no station's (IEEE 802.3 §3.2.3).
 */
static __always_inline int is_martian(const struct arrival *arrival) {
    const struct packet *packet = &arrival->packet;
    const struct onvm_address *source = &packet->source;
    if (arrival->path.client_mac[0] & 1) return 1;
    __u8 first;
    if (packet->is_ipv6) {
        first = (__u8)source->high;
        if (is_ipv4(*source) || is_ipv4(packet->destination) || first == 0xff) return 1;
        /* :: and ::1 */
        if (source->high == 0 && (source->low == 0 || source->low == bpf_cpu_to_be64(1))) return 1;
    } else {
        first = (__u8)(source->low >> 32);
        if (first == 0 || first == 127 || first >= 224) return 1;
    }
    return is_local(source);
}

static __always_inline __u32 cause_of(enum parsed parsed) {
    switch (parsed) {
        case NOT_IP: return ONVM_OUTCOME_PASS_NOT_IP;
        case LATER_FRAGMENT: return ONVM_OUTCOME_PASS_LATER_FRAGMENT;
        case EXTENSION: return ONVM_OUTCOME_PASS_EXTENSION;
        case OTHER_PROTOCOL: return ONVM_OUTCOME_PASS_PROTOCOL;
        case ICMP_UNMATCHED: return ONVM_OUTCOME_PASS_ICMP_UNMATCHED;
        default: return ONVM_OUTCOME_PASS_MALFORMED;
    }
}

/* IEEE 802.3, 802.1Q: fills in the path and parses the packet. */
static __always_inline enum parsed parse(struct xdp_md *context, struct arrival *arrival) {
    void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
    struct ethhdr *ethernet = data;
    if ((void *)(ethernet + 1) > end) return MALFORMED;
    __u16 type = ethernet->h_proto;
    void *cursor = ethernet + 1;
    copy_macs(&arrival->path, ethernet);
    arrival->path.port = context->ingress_ifindex;
    if (type == bpf_htons(ETH_P_8021Q)) {
        struct vlan_header *vlan = cursor;
        if ((void *)(vlan + 1) > end) return MALFORMED;
        arrival->path.vlan = ONVM_VLAN_TAGGED | (bpf_ntohs(vlan->control) & 0xfff);
        type = vlan->type;
        cursor = vlan + 1;
    }
    if (type == bpf_htons(ETH_P_IP)) return parse_ipv4(cursor, end, &arrival->packet);
    if (type == bpf_htons(ETH_P_IPV6)) return parse_ipv6(cursor, end, &arrival->packet, IPV6_EXTENSIONS_MAX);
    return NOT_IP;
}

static __always_inline __u32 decide(struct xdp_md *context, struct arrival *arrival) {
    enum parsed parsed = parse(context, arrival);
    if (arrival->path.local_mac[0] & 1) return ONVM_OUTCOME_PASS_NOT_UNICAST;
    if (parsed != PARSED && parsed != PARSED_ICMP_ERROR && parsed != FIRST_FRAGMENT) return cause_of(parsed);

    __u32 zero = 0, is_wildcard = 0, is_error = parsed == PARSED_ICMP_ERROR;
    arrival->settings = bpf_map_lookup_elem(&settings, &zero);
    if (!arrival->settings) return ONVM_OUTCOME_PASS_NO_SERVICE;
    if (arrival->settings->flow_count && parsed != FIRST_FRAGMENT) {
        __u32 outcome = follow_flow(arrival);
        if (outcome) return outcome;
    }
    arrival->service_id = find_service(arrival, &is_wildcard);
    arrival->service = bpf_map_lookup_elem(&services, &arrival->service_id);
    if (!arrival->service_id || !arrival->service || !arrival->service->defined) {
        if (parsed == FIRST_FRAGMENT) return ONVM_OUTCOME_PASS_FIRST_FRAGMENT;
        return is_error ? ONVM_OUTCOME_PASS_ICMP_UNMATCHED : ONVM_OUTCOME_PASS_NO_SERVICE;
    }
    if (is_wildcard && !is_for_us(arrival)) return ONVM_OUTCOME_PASS_OTHER_HOST;
    /* The kernel would put the fragments together, find no socket, and reset what the client has with its NF. */
    if (parsed == FIRST_FRAGMENT) return ONVM_OUTCOME_DROP_FRAGMENT;
    if (is_martian(arrival)) return ONVM_OUTCOME_DROP_MARTIAN;

    arrival->now = bpf_ktime_get_coarse_ns();
    if (arrival->service->isolation != ONVM_ISOLATION_NONE) return serve(arrival, is_error);
    return serve_sole(arrival, is_error);
}

/* What steer acts on. */
struct decision {
    __u32 outcome;
    __u32 slot;
    __u32 service;
};

/* A function of its own, so that what it keeps on the stack is gone when the answer is built (512 bytes for all). */
static __noinline void make_decision(struct xdp_md *context, struct decision *decision) {
    struct arrival arrival = {.context = context};
    decision->outcome = decide(context, &arrival);
    decision->slot = arrival.slot;
    decision->service = arrival.service_id;
    if (decision->outcome == ONVM_OUTCOME_ANSWER_COOKIE) note_cookie(&arrival);
}

SEC("xdp.frags") int steer(struct xdp_md *context) {
    struct decision decision = {};
    make_decision(context, &decision);
    __u32 outcome = decision.outcome, slot = decision.slot;
    int verdict = XDP_PASS;
    if (onvm_outcome_verdict(outcome) == ONVM_VERDICT_REDIRECT) {
        verdict = bpf_redirect_map(&hosts, slot, XDP_PASS);
        if (verdict != XDP_REDIRECT) outcome = ONVM_OUTCOME_PASS_NO_DEVICE;
    } else if (onvm_outcome_verdict(outcome) == ONVM_VERDICT_DROP) {
        verdict = XDP_DROP;
    } else if (onvm_outcome_verdict(outcome) == ONVM_VERDICT_ANSWER) {
        verdict = answer_frame(context, decision.service, outcome == ONVM_OUTCOME_ANSWER_RESET);
        if (verdict == XDP_DROP) outcome = ONVM_OUTCOME_DROP_UNANSWERED;
    }
    count(onvm_outcome_counter(outcome));
    if (verdict != XDP_REDIRECT) return verdict;
    struct onvm_slot_counters *values = bpf_map_lookup_elem(&slot_counters, &slot);
    if (values) {
        values->values[ONVM_SLOT_COUNTER_STEERED]++;
        values->values[ONVM_SLOT_COUNTER_STEERED_BYTES] += bpf_xdp_get_buff_len(context);
    }
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
