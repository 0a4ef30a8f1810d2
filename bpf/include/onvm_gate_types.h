/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The SYN gate's maps: while NFs are short, steer answers a new client's SYN with a cookie itself, and spends an NF only
 * on a client that returned it.
 */
#pragma once
#include "onvm_types.h"

#define ONVM_GATE_HOLD 2000000000ULL        /* nanoseconds it stays on after the last sign of pressure */
#define ONVM_GATE_WINDOW 1000000000ULL      /* over which unanswered cookies are counted */
#define ONVM_GATE_SETTLE 8000000000ULL      /* for so long after a binding, ACKs of older cookies are looked for */
#define ONVM_GATE_WAITING_LIFE 15000000000ULL /* a client that was put off and has not come again is not waited for */
#define ONVM_GATE_COOKIE_LIFE 128000000000ULL /* no cookie is older */

enum { ONVM_GATE_TIMESTAMPS = 1, ONVM_GATE_SACK = 2 };

/* Map `gates`, by service ID: written by the manager alone. */
struct onvm_gate {
    __u32 idle_mark;       /* on while fewer NFs are idle; 0: the service has no gate */
    __u32 half_open_mark;  /* on while as many NFs have a client that is not confirmed */
    __u32 unanswered_mark; /* stays on while more cookies a second than this are not answered */
    __u32 is_full;         /* every NF the service may have has a client */
    /* What the NF's stack would offer in its SYN,ACK. */
    __u16 window;
    __u16 segment_size_ipv4;
    __u16 segment_size_ipv6;
    __u8 shift;
    __u8 options; /* ONVM_GATE_TIMESTAMPS, ONVM_GATE_SACK */
    __u64 pad;
};
_Static_assert(sizeof(struct onvm_gate) == 32, "no hidden padding");

/* Map `gate_state`, by service ID: counts changed atomically by the programs and the manager. Times are coarse. */
struct onvm_gate_state {
    __s64 idle;       /* slots in state IDLE: whoever moves a slot into or out of that state counts it */
    __s64 half_open;  /* bound slots whose client is not confirmed: counted with onvm_slot.handshake */
    __s64 waiting;    /* elements of `waiting_clients` */
    __u64 on_until;   /* the gate is on before this */
    __u64 on_since;
    __u64 cookie_at;  /* when the last cookie was sent; 0: never */
    __u64 window_at;  /* when the counts below began */
    __u64 sent;
    __u64 answered;
    __u64 unanswered; /* in the window before */
    __u64 pad[6];
};
_Static_assert(sizeof(struct onvm_gate_state) == 128, "two cache lines");

/* Map `gate_ports`, by ifindex. */
enum {
    ONVM_PORT_ANSWERS_BY_TC = 1,     /* XDP_TX is lost there: a tc program sends what is marked */
    ONVM_PORT_PARTIAL_CHECKSUMS = 2, /* virtual: a checksum may be the pseudo-header's sum alone (CHECKSUM_PARTIAL) */
};

/* XDP metadata in front of an answer that the tc program shall send back. */
#define ONVM_ANSWER_MAGIC 0x4f4e5641U

/* Map `gate_sources`: how many SYNs a prefix (/24, /48) sent while the gate was on. Decides nothing. */
struct onvm_gate_source {
    struct onvm_address prefix;
    __u32 service;
    __u32 pad;
};
_Static_assert(sizeof(struct onvm_gate_source) == 24, "no hidden padding");

/* XDP metadata in front of a frame that `deliver` hands to an NF: the segment finishes a handshake of the gate. */
#define ONVM_GATE_FACTS_MAGIC 0x4f4e5646U
struct onvm_gate_facts {
    __u32 magic;
    __u32 sequence;       /* of the segment, host byte order: facts lie beside their own segment or they mean nothing */
    __u32 acknowledgment;
    __u32 timestamp_offset; /* of the clock that the SYN,ACK's timestamp is from, in milliseconds */
    __u16 segment_size;   /* the client's MSS */
    __u8 shift;           /* our window shift, as offered */
    __u8 pad;
};
_Static_assert(sizeof(struct onvm_gate_facts) == 20, "no hidden padding");
