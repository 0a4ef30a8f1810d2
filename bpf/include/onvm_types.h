/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Keys and values of the eBPF maps: one definition, compiled into the programs and imported by Swift (CBPFTypes).
 * Addresses and ports are as they lie in a packet (network byte order). All padding is explicit and zero,
 * because a hash map compares keys byte by byte.
 */
#pragma once
#include <linux/types.h>

#include "onvm_counters.h"

enum {
    ONVM_SERVICES = 256,           /* service IDs are one byte; 0 means none */
    ONVM_SHARE_TABLE_SIZE = 16381, /* prime (Maglev, NSDI '16 §3.4); shares differ by at most 1 in 160 for 100 slots */
    ONVM_SOURCE_BUCKETS = 65536,
    ONVM_EXCHANGES = 64, /* conversations remembered of a slot; a power of two */
    ONVM_EVENT_RING_SIZE = 262144, /* 4,681 events */
};

/* Who shares a slot. */
enum { ONVM_ISOLATION_NONE, ONVM_ISOLATION_CLIENT, ONVM_ISOLATION_CONNECTION };

/* What a new client gets when no slot is idle. */
enum { ONVM_OVERFLOW_REFUSE, ONVM_OVERFLOW_SHARE, ONVM_OVERFLOW_DROP };

/* onvm_service.flags */
enum {
    ONVM_SERVICE_RETURN_PATH = 1, /* answers go back the way the client came, not by the kernel's routes */
};

/* onvm_flow_verdict.action */
enum { ONVM_FLOW_PASS = 1, ONVM_FLOW_DROP, ONVM_FLOW_SLOT };

/* The low byte of onvm_slot.state; the rest is the generation. */
enum {
    ONVM_SLOT_EMPTY,    /* no NF */
    ONVM_SLOT_PREPARED, /* an NF that must not get packets yet, or any more */
    ONVM_SLOT_IDLE,     /* in the idle queue of its service */
    ONVM_SLOT_BOUND,    /* has its client */
    ONVM_SLOT_SOLE,     /* serves every client of its service (isolation none) */
};

/* onvm_slot.handshake: which side's part of the slot's first handshake is still missing. */
enum {
    ONVM_HANDSHAKE_NONE,      /* nothing is awaited: no client, or the slot was confirmed or released */
    ONVM_HANDSHAKE_SYN,       /* the client's SYN (or first datagram) went to the NF */
    ONVM_HANDSHAKE_ANSWERED,  /* the NF answered; what it sent (exchanges) proves that the client saw it */
    ONVM_HANDSHAKE_CONFIRMED, /* the client is where it says it is */
};

/* onvm_event.kind */
enum { ONVM_EVENT_BOUND = 1, ONVM_EVENT_IDLE_EMPTY, ONVM_EVENT_VIOLATION, ONVM_EVENT_CONFIRMED, ONVM_EVENT_GATE };

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
struct onvm_address {
    __u64 high;
    __u64 low;
};
_Static_assert(sizeof(struct onvm_address) == 16, "two words");

/* Map `flows`: a verdict pinned to exactly one direction of one flow. */
struct onvm_flow_key {
    struct onvm_address source;
    struct onvm_address destination;
    __u16 source_port;
    __u16 destination_port;
    __u8 protocol;
    __u8 pad[3];
};
_Static_assert(sizeof(struct onvm_flow_key) == 40, "no hidden padding");

struct onvm_flow_verdict {
    __u32 action;
    __u32 slot;
};
_Static_assert(sizeof(struct onvm_flow_verdict) == 8, "no hidden padding");

/* Map `endpoints`: where services take traffic; the address :: matches any. Value: the service ID. */
struct onvm_endpoint_key {
    struct onvm_address address;
    __u16 port;
    __u8 protocol;
    __u8 pad[5];
};
_Static_assert(sizeof(struct onvm_endpoint_key) == 24, "no hidden padding");

/* Map `services`, by service ID. */
struct onvm_service {
    __u8 defined;
    __u8 isolation;
    __u8 overflow;
    __u8 flags;
    __u32 half_open_limit; /* unfinished handshakes for each source /24 or /48; 0: no limit */
    __u64 ipv6_mask_high;  /* which bits of an IPv6 source make one client, network byte order */
    __u64 ipv6_mask_low;
    __u32 sole_slot;     /* isolation none: the slot + 1, or 0 */
    __u32 prefix_limit;  /* clients for each source /24 or /48; 0: no limit */
    __u32 address_limit; /* isolation connection: slots for each source address; 0: no limit */
    __u32 guest_limit;   /* overflow share: further clients of one slot */
};
_Static_assert(sizeof(struct onvm_service) == 40, "no hidden padding");

/* Map `service_state`, by service ID: what the programs themselves note. */
struct onvm_service_state {
    __u64 empty_event_at; /* when the last IDLE_EMPTY event was raised, coarse nanoseconds */
};

/* The way a client's frames come. Answers go by the kernel's routes, or back this way (ONVM_SERVICE_RETURN_PATH, VLANs). */
struct onvm_path {
    __u8 local_mac[6];  /* the first twelve bytes of the client's frames */
    __u8 client_mac[6];
    __u16 vlan; /* ONVM_VLAN_TAGGED | VLAN ID, or 0; host byte order */
    __u16 pad;
    __u32 port; /* ifindex */
};
_Static_assert(sizeof(struct onvm_path) == 20, "no hidden padding");
enum { ONVM_VLAN_TAGGED = 0x1000 };

/* Map `bindings`: which slot serves a client (isolation client: ports, local and protocol are 0) or a connection. */
struct onvm_binding_key {
    struct onvm_address client;
    struct onvm_address local;
    __u16 client_port;
    __u16 local_port;
    __u8 protocol;
    __u8 service;
    __u8 pad[2];
};
_Static_assert(sizeof(struct onvm_binding_key) == 40, "no hidden padding");

/* A binding counts only while its slot has the same generation: releasing a slot releases all its clients at once. */
struct onvm_binding {
    __u32 slot;
    __u32 generation;
    struct onvm_path path;
    __u32 bucket; /* of a guest (overflow share): where it is counted; ONVM_NO_BUCKET: it took the slot */
    __u32 seen;   /* of a guest: in steps of ONVM_LAST_SEEN_STEP since boot */
    __u32 pad;
};
_Static_assert(sizeof(struct onvm_binding) == 40, "no hidden padding");
enum { ONVM_NO_BUCKET = 0xffffffff };

/* Element of the idle queues: stale once the slot's generation or state moved on. */
struct onvm_idle_slot {
    __u32 slot;
    __u32 generation;
};
_Static_assert(sizeof(struct onvm_idle_slot) == 8, "no hidden padding");

/*
 * Map `slots`, shared with the manager (BPF_F_MMAPABLE). A slot's fields are written by the CPU that moved `state` from
 * IDLE to BOUND, before its binding exists, and rarely after. Three cache lines: who, how to reach it, what moves.
 */
struct onvm_slot {
    __u64 state; /* generation << 8 | ONVM_SLOT_…; changed by compare-and-swap only */
    __u8 service;
    __u8 isolation;
    __u8 protocol; /* of the packet that bound the slot */
    __u8 pad0;
    __u32 guests; /* clients besides the one below (overflow share): look at the bindings */
    struct onvm_address client;
    struct onvm_address local;
    __u16 client_port;
    __u16 local_port;
    __u32 host_device; /* ifindex of the slot's ends */
    __u32 nf_device;
    __u32 half_open_bucket;

    struct onvm_path path; /* of the last frame that the NF's TCP can have accepted (steer: note_path) */
    __u32 handshake;       /* ONVM_HANDSHAKE_…; to CONFIRMED or NONE by compare-and-swap only */
    __u32 is_counted;      /* in the two buckets below; to 0 by compare-and-swap only */
    __u32 prefix_bucket;
    __u32 address_bucket;
    __u32 pad1;
    __u64 rate;            /* token bucket: bytes a second, 0 for no limit */
    __u64 bound_at;        /* CLOCK_MONOTONIC_COARSE nanoseconds */
    __u64 pad2;

    __u64 last_seen; /* as bound_at; moves in steps of ONVM_LAST_SEEN_STEP */
    __s64 tokens;    /* bytes; below zero after a merged super-packet */
    __u64 tokens_at;
    __u64 burst;
    __u64 violation_at;
    __u64 gate_until; /* before this, ACKs of the SYN gate's cookies may come for the slot; 0: none */
    __u64 icmp_at; /* when the window of ICMP errors began, coarse nanoseconds */
    __u64 icmp_count;
};
_Static_assert(sizeof(struct onvm_slot) == 192, "three cache lines");

#define ONVM_LAST_SEEN_STEP (1ULL << 27) /* 134 ms: fine enough for idle timeouts, rare enough not to bounce the line */

/* Map `exchanges`, by slot: what egress last saw of conversations, each at a place that follows from its ports. */
struct onvm_exchange {
    __u32 sent_next;    /* TCP, host byte order: the sequence number after all that the NF has sent */
    __u32 acknowledged; /* and after what the client has got; kept where answers go by the client's path */
    __u16 client_port;
    __u16 local_port;
    __u32 client;              /* a word of the client's address that tells hosts of one prefix apart */
    struct onvm_path path;     /* by which the client last acknowledged what it was sent */
    struct onvm_path syn_path; /* by which its last SYN came: where a SYN,ACK goes, and nothing else */
};
struct onvm_exchanges {
    struct onvm_exchange entries[ONVM_EXCHANGES];
};
_Static_assert(sizeof(struct onvm_exchange) == 56, "no hidden padding");
#define ONVM_SEND_WINDOW (1U << 24) /* more than an NF has on its way to a client, bytes */

/* Map `slot_vlans`: the VLANs by which clients of a slot that serves all have come. Value: when, coarse nanoseconds. */
struct onvm_vlan_key {
    __u32 slot;
    __u32 generation;
    __u32 port;
    __u16 vlan;
    __u16 pad;
};
_Static_assert(sizeof(struct onvm_vlan_key) == 16, "no hidden padding");

/* Map `ports`, by ifindex; map `port_macs` is its inverse (key: the MAC address as below). */
struct onvm_mac {
    __u8 bytes[6];
    __u8 pad[2];
};
_Static_assert(sizeof(struct onvm_mac) == 8, "no hidden padding");

/* Map `settings`, one element. */
struct onvm_settings {
    __u32 flow_count;   /* 0 spares every packet a look at `flows` */
    __u8 has_wildcards; /* 0 spares foreign packets a second look at `endpoints` */
    __u8 pad[3];
    __u32 hash_seed; /* secret: nobody outside may aim at a bucket, or choose whom to share with */
    __u32 route_device; /* ifindex of a device that forwards: from there the kernel answers what its routes say */
};
_Static_assert(sizeof(struct onvm_settings) == 16, "no hidden padding");

/* Per-CPU map `slot_counters`, by slot; per-CPU map `service_counters`, by service ID. */
struct onvm_slot_counters {
    __u64 values[ONVM_SLOT_COUNTER_COUNT];
};
struct onvm_service_counters {
    __u64 values[ONVM_SERVICE_COUNTER_COUNT];
};

/* What the ring buffer `events` carries to the manager. */
struct onvm_event {
    __u32 kind;
    __u32 slot;
    __u32 generation;
    __u32 cause; /* VIOLATION: ONVM_COUNTER_… */
    struct onvm_address client;
    __u16 client_port;
    __u16 local_port;
    __u8 protocol;
    __u8 service;
    __u8 shared; /* BOUND: the slot had a client already */
    __u8 pad;
    __u64 at; /* CLOCK_MONOTONIC_COARSE nanoseconds */
};
_Static_assert(sizeof(struct onvm_event) == 48, "no hidden padding");
