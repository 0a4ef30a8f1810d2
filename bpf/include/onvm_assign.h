/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Assignment: the first packet of a new client takes an idle slot, in its own path. Only steer includes this.
 *
 * A slot is taken by compare-and-swap on its state, so a stale entry of the queue (its NF died meanwhile) is harmless.
 * The slot knows its client before the binding exists; whoever finds the binding finds a slot that is ready.
 */
#pragma once
#include "onvm_gate.h"
#include "onvm_parse.h"
#include "onvm_policy.h"
#include "onvm_segment.h"

enum { IDLE_TRIES = 16, EMPTY_EVENT_INTERVAL = 10000000 /* ns */, EEXIST = 17 /* errno(3) */ };

struct idle_queue {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1);
    __uint(value_size, sizeof(struct onvm_idle_slot));
};

/* By service: the queue of its idle slots. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __array(values, struct idle_queue);
} idle SEC(".maps");

struct share_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SHARE_TABLE_SIZE);
    __type(key, __u32);
    __type(value, __u32);
};

/* By service: a consistent-hash table of slot + 1 (0: none), which the manager changes in place. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __array(values, struct share_table);
} share SEC(".maps");

/* By service: not 0 sheds new clients. Written by whoever sees a queue grow (backpressure). */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, __u32);
} overload SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, struct onvm_service_state);
} service_state SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, ONVM_SERVICES);
    __type(key, __u32);
    __type(value, struct onvm_service_counters);
} service_counters SEC(".maps");

/* Slots whose client is not confirmed, by hash of service and source prefix. Spoofing cannot fill up an array. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SOURCE_BUCKETS);
    __type(key, __u32);
    __type(value, __u64);
} half_open SEC(".maps");

/* Clients that have a slot, or a share of one, by hash of service and source prefix; and slots, by that of the address. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, ONVM_SOURCE_BUCKETS);
    __type(key, __u32);
    __type(value, __u64);
} served SEC(".maps");

/* What steer knows about the frame in hand. */
struct arrival {
    struct packet packet;
    struct onvm_path path;
    struct onvm_binding_key key;
    struct onvm_service *service;
    struct onvm_settings *settings;
    __u32 service_id;
    __u32 slot;
    __u64 now;
    struct xdp_md *context;
    int is_proven; /* its client returned a cookie of the SYN gate, so the source address is no forgery */
};

static __always_inline void count_service(__u32 service, __u32 counter) {
    struct onvm_service_counters *values = bpf_map_lookup_elem(&service_counters, &service);
    if (values) values->values[counter]++;
}

/* The finalizer of MurmurHash3, word by word. */
static __always_inline __u32 mix(__u32 hash, __u64 word) {
    __u64 value = (word ^ hash) * 0xff51afd7ed558ccdULL;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return value ^ value >> 32;
}

static __always_inline __u32 bucket_of(const struct arrival *arrival, struct onvm_address source) {
    __u32 hash = mix(mix(arrival->settings->hash_seed ^ arrival->service_id, source.high), source.low);
    return hash % ONVM_SOURCE_BUCKETS;
}

/* The /24, or /48: what one site has. */
static __always_inline struct onvm_address prefix_of(struct onvm_address address) {
    if (is_ipv4(address)) {
        address.low &= (__u64)bpf_htonl(0xffffff00) << 32 | 0xffffffff;
    } else {
        address.high &= bpf_cpu_to_be64(0xffffffffffff0000ULL);
        address.low = 0;
    }
    return address;
}

static __always_inline __u32 prefix_bucket(const struct arrival *arrival) {
    return bucket_of(arrival, prefix_of(arrival->packet.source));
}

/* Counts one more in the bucket, unless it has as many as it may have (0: any number). */
static __always_inline int enter(void *map, __u32 bucket, __u32 limit) {
    __u64 *members = bpf_map_lookup_elem(map, &bucket);
    if (!members) return 0;
    __u64 before = __sync_fetch_and_add(members, 1);
    if (!limit || before < limit) return 1;
    __sync_fetch_and_add(members, -1);
    return 0;
}

static __always_inline void leave(void *map, __u32 bucket) {
    __u64 *members = bpf_map_lookup_elem(map, &bucket);
    if (members) __sync_fetch_and_add(members, -1);
}

static __always_inline void leave_half_open(__u32 bucket) { leave(&half_open, bucket); }

/* What a client must find room in before it gets a slot. */
struct admission {
    __u32 prefix;  /* bucket */
    __u32 address; /* bucket; ONVM_NO_BUCKET where an address has one slot anyhow */
};

static __always_inline void withdraw(const struct arrival *arrival, const struct admission *admission) {
    leave(&served, admission->prefix);
    if (admission->address != ONVM_NO_BUCKET) leave(&served, admission->address);
    if (!arrival->is_proven) leave_half_open(admission->prefix);
}

/* Refuses by our own reset. Nobody answers a datagram, least of all a socket of the host on the same port. */
static __always_inline __u32 refusal_of(const struct arrival *arrival) {
    return arrival->packet.protocol == IPPROTO_TCP ? ONVM_OUTCOME_ANSWER_RESET : ONVM_OUTCOME_DROP_OVERFLOW;
}

/* Counts the client among its neighbours; 0, or the outcome that says of what its prefix or address has enough. */
static __always_inline __u32 admit(const struct arrival *arrival, struct admission *admission) {
    const struct onvm_service *service = arrival->service;
    admission->prefix = prefix_bucket(arrival);
    admission->address = ONVM_NO_BUCKET;
    if (service->isolation == ONVM_ISOLATION_CONNECTION) admission->address = bucket_of(arrival, arrival->packet.source);
    /* Too many of its prefix are not confirmed: it may still prove that it is there. */
    if (!arrival->is_proven && !enter(&half_open, admission->prefix, service->half_open_limit)) {
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_HALF_OPEN);
        struct onvm_gate *gate = bpf_map_lookup_elem(&gates, &arrival->service_id);
        return gate && gate->idle_mark && arrival->packet.protocol == IPPROTO_TCP ? ONVM_OUTCOME_ANSWER_COOKIE
                                                                                 : refusal_of(arrival);
    }
    if (enter(&served, admission->prefix, service->prefix_limit)) {
        if (admission->address == ONVM_NO_BUCKET || enter(&served, admission->address, service->address_limit)) return 0;
        leave(&served, admission->prefix);
    }
    if (!arrival->is_proven) leave_half_open(admission->prefix);
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_PREFIX_LIMIT);
    return refusal_of(arrival);
}

/* Takes a slot from the queue; NULL when there is none. */
static __always_inline struct onvm_slot *take_idle(void *queue, struct onvm_idle_slot *taken) {
#pragma clang loop unroll(disable)
    for (int attempt = 0; attempt < IDLE_TRIES; attempt++) {
        if (bpf_map_pop_elem(queue, taken)) return 0;
        struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &taken->slot);
        if (!slot) continue;
        __u64 idle_state = slot_state(taken->generation, ONVM_SLOT_IDLE);
        __u64 bound_state = slot_state(taken->generation, ONVM_SLOT_BOUND);
        if (__sync_val_compare_and_swap(&slot->state, idle_state, bound_state) == idle_state) {
            count_idle(slot->service, -1);
            return slot;
        }
        count(ONVM_COUNTER_STALE_IDLE);
    }
    return 0;
}

static __always_inline void seat(
    struct onvm_slot *slot, const struct arrival *arrival, const struct admission *admission) {
    const struct packet *packet = &arrival->packet;
    slot->client = packet->source;
    slot->local = packet->destination;
    slot->client_port = packet->source_port;
    slot->local_port = packet->destination_port;
    slot->protocol = packet->protocol;
    slot->guests = 0;
    slot->path = arrival->path;
    slot->prefix_bucket = admission->prefix;
    slot->address_bucket = admission->address;
    slot->is_counted = 1;
    slot->half_open_bucket = admission->prefix;
    slot->bound_at = slot->last_seen = arrival->now;
    slot->gate_until = cookies_settle(arrival->service_id, arrival->now);
    slot->handshake = arrival->is_proven ? ONVM_HANDSHAKE_CONFIRMED : ONVM_HANDSHAKE_SYN;
    if (!arrival->is_proven) count_half_open(arrival->service_id, 1);
}

/* Undoes take_idle and seat, unless the manager took the slot meanwhile. */
static __always_inline void put_back(void *queue, struct onvm_slot *slot, const struct onvm_idle_slot *taken) {
    __u64 idle_state = slot_state(taken->generation, ONVM_SLOT_IDLE);
    __u64 bound_state = slot_state(taken->generation, ONVM_SLOT_BOUND);
    if (__sync_val_compare_and_swap(&slot->handshake, ONVM_HANDSHAKE_SYN, ONVM_HANDSHAKE_NONE) == ONVM_HANDSHAKE_SYN) {
        leave_half_open(slot->half_open_bucket);
        count_half_open(slot->service, -1);
    }
    if (__sync_val_compare_and_swap(&slot->is_counted, 1, 0) == 1) {
        leave(&served, slot->prefix_bucket);
        if (slot->address_bucket != ONVM_NO_BUCKET) leave(&served, slot->address_bucket);
    }
    if (__sync_val_compare_and_swap(&slot->state, bound_state, idle_state) == bound_state) {
        count_idle(slot->service, 1);
        bpf_map_push_elem(queue, taken, BPF_ANY);
    }
}

static __noinline void report_arrival(struct arrival *arrival, __u32 kind, __u32 generation, __u32 shared) {
    const struct packet *packet = &arrival->packet;
    struct onvm_event event = {
        .kind = kind,
        .slot = arrival->slot,
        .generation = generation,
        .client = packet->source,
        .client_port = packet->source_port,
        .local_port = packet->destination_port,
        .protocol = packet->protocol,
        .service = arrival->service_id,
        .shared = shared,
        .at = arrival->now,
    };
    report(&event);
}

static __always_inline void report_empty(struct arrival *arrival) {
    struct onvm_service_state *state = bpf_map_lookup_elem(&service_state, &arrival->service_id);
    if (!state || arrival->now - state->empty_event_at < EMPTY_EVENT_INTERVAL) return;
    state->empty_event_at = arrival->now;
    report_arrival(arrival, ONVM_EVENT_IDLE_EMPTY, 0, 0);
}

/*
 * A running slot, chosen by a hash that nobody outside can compute, gets one more client. It keeps those that it has: when
 * it has as many guests as it may have, the newcomer is refused.
 */
static __noinline __u32 assign_shared(struct arrival *arrival) {
    void *table = bpf_map_lookup_elem(&share, &arrival->service_id);
    if (!table) return ONVM_OUTCOME_ANSWER_RESET;
    const struct onvm_service *service = arrival->service;
    const struct onvm_binding_key *key = &arrival->key;
    __u32 hash = mix(mix(arrival->settings->hash_seed ^ key->service, key->client.high), key->client.low);
    hash = mix(hash, (__u64)key->client_port << 16 | key->local_port);
    __u32 index = hash % ONVM_SHARE_TABLE_SIZE;
    __u32 *entry = bpf_map_lookup_elem(table, &index);
    if (!entry || !*entry) return ONVM_OUTCOME_ANSWER_RESET;
    struct onvm_binding binding = {.slot = *entry - 1, .path = arrival->path, .bucket = prefix_bucket(arrival)};
    struct onvm_slot *slot = bpf_map_lookup_elem(&slots, &binding.slot);
    if (!slot) return ONVM_OUTCOME_ANSWER_RESET;
    __u64 state = slot->state;
    if ((state & 0xff) != ONVM_SLOT_BOUND) return ONVM_OUTCOME_ANSWER_RESET;
    binding.generation = state >> 8;
    binding.seen = arrival->now / ONVM_LAST_SEEN_STEP;
    if (__sync_fetch_and_add(&slot->guests, 1) >= service->guest_limit) {
        __sync_fetch_and_add(&slot->guests, -1);
        return ONVM_OUTCOME_ANSWER_RESET;
    }
    if (!enter(&served, binding.bucket, service->prefix_limit)) {
        __sync_fetch_and_add(&slot->guests, -1);
        count_service(arrival->service_id, ONVM_SERVICE_COUNTER_PREFIX_LIMIT);
        return ONVM_OUTCOME_ANSWER_RESET;
    }
    long error = bpf_map_update_elem(&bindings, &arrival->key, &binding, BPF_NOEXIST);
    if (error) {
        __sync_fetch_and_add(&slot->guests, -1);
        leave(&served, binding.bucket);
        /* The same client on another CPU: as the hash is the same, it has the same slot. */
        if (error != -EEXIST) return ONVM_OUTCOME_DROP_BINDING;
        arrival->slot = binding.slot;
        return ONVM_OUTCOME_REDIRECT_BOUND;
    }
    count(ONVM_COUNTER_ASSIGNED_SHARED);
    count_service(arrival->service_id, ONVM_SERVICE_COUNTER_SHARED);
    arrival->slot = binding.slot;
    report_arrival(arrival, ONVM_EVENT_BOUND, binding.generation, 1);
    return ONVM_OUTCOME_REDIRECT_ASSIGNED;
}

static __noinline __u32 overflow(struct arrival *arrival) {
    report_empty(arrival);
    struct onvm_service *service = bpf_map_lookup_elem(&services, &arrival->service_id);
    __u32 outcome = ONVM_OUTCOME_ANSWER_RESET;
    if (service && service->overflow == ONVM_OVERFLOW_DROP) outcome = ONVM_OUTCOME_DROP_OVERFLOW;
    if (service && service->overflow == ONVM_OVERFLOW_SHARE) outcome = assign_shared(arrival);
    if (outcome == ONVM_OUTCOME_ANSWER_RESET) count_service(arrival->service_id, ONVM_SERVICE_COUNTER_REFUSED);
    /* Nobody answers a datagram, least of all a socket of the host on the same port. */
    if (outcome == ONVM_OUTCOME_ANSWER_RESET && arrival->packet.protocol != IPPROTO_TCP)
        outcome = ONVM_OUTCOME_DROP_OVERFLOW;
    if (outcome == ONVM_OUTCOME_DROP_OVERFLOW) count_service(arrival->service_id, ONVM_SERVICE_COUNTER_DROPPED);
    return outcome;
}
