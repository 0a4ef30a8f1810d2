/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Every outcome of a frame has a counter of its own; no counter is computed from another. One list gives the enum for the
 * programs, the verdict they act by, and the names for the manager.
 */
#pragma once

/* What becomes of a frame. An outcome names its verdict in its own line: nothing follows from the order of a list. */
enum {
    /* steer */
    ONVM_VERDICT_PASS = 1, /* the kernel's stack gets it */
    ONVM_VERDICT_DROP,
    ONVM_VERDICT_REDIRECT, /* its slot gets it */
    ONVM_VERDICT_ANSWER,   /* its sender gets an answer, built in its place */
    /* egress */
    ONVM_VERDICT_SEND,
    ONVM_VERDICT_REFUSE,   /* dropped, and nobody's fault */
    ONVM_VERDICT_VIOLATION, /* dropped: the NF sent what it may not */
};

/* X(C name, name users see, verdict). steer: exactly one a frame, because it … */
#define ONVM_STEER_OUTCOMES(X) \
    /* … goes to the kernel's stack: it … */ \
    X(PASS_NOT_IP, "steer_pass_not_ip", PASS)                 /* is ARP, LLDP, doubly tagged, … */ \
    X(PASS_NOT_UNICAST, "steer_pass_not_unicast", PASS)       /* has a group MAC address */ \
    X(PASS_MALFORMED, "steer_pass_malformed", PASS)           /* ends inside a header, or contradicts itself */ \
    X(PASS_FIRST_FRAGMENT, "steer_pass_first_fragment", PASS) /* for no endpoint of ours */ \
    X(PASS_LATER_FRAGMENT, "steer_pass_later_fragment", PASS) \
    X(PASS_EXTENSION, "steer_pass_extension", PASS)           /* has more or other IPv6 extension headers than we follow */ \
    X(PASS_PROTOCOL, "steer_pass_protocol", PASS)             /* is neither TCP, UDP nor an ICMP error */ \
    X(PASS_FLOW, "steer_pass_flow", PASS)                     /* has a pinned verdict: pass */ \
    X(PASS_NO_SERVICE, "steer_pass_no_service", PASS)         /* is for no endpoint of ours */ \
    X(PASS_OTHER_HOST, "steer_pass_other_host", PASS)         /* matched a wildcard, but has another host's MAC address */ \
    X(PASS_ICMP_UNMATCHED, "steer_pass_icmp_unmatched", PASS) /* is an ICMP error about a packet that is not ours */ \
    X(PASS_NO_BINDING, "steer_pass_no_binding", PASS)         /* is no SYN and has no binding: the stack answers RST */ \
    X(PASS_DEAD_SLOT, "steer_pass_dead_slot", PASS)           /* belongs to an NF that is gone: the stack answers RST */ \
    X(PASS_NO_DEVICE, "steer_pass_no_device", PASS)           /* is for a slot without a device */ \
    /* … is dropped: … */ \
    X(DROP_FLOW, "steer_drop_flow", DROP)                     /* it has a pinned verdict: drop */ \
    X(DROP_OVERFLOW, "steer_drop_overflow", DROP)             /* no NF was idle: overflow drop */ \
    X(DROP_OVERLOAD, "steer_drop_overload", DROP)             /* the service is marked as overloaded */ \
    X(DROP_BINDING, "steer_drop_binding", DROP)               /* the table of bindings is full */ \
    X(DROP_FRAGMENT, "steer_drop_fragment", DROP)             /* it is a fragment for an endpoint of ours */ \
    X(DROP_MARTIAN, "steer_drop_martian", DROP)               /* nobody can have its source address */ \
    X(DROP_ICMP_LARGE, "steer_drop_icmp_large", DROP)         /* an ICMP error larger than such may be */ \
    X(DROP_ICMP_SEQUENCE, "steer_drop_icmp_sequence", DROP)   /* it quotes what the NF has not sent lately */ \
    X(DROP_ICMP_RATE, "steer_drop_icmp_rate", DROP)           /* more ICMP errors than an NF is told of */ \
    X(DROP_CHECKSUM, "steer_drop_checksum", DROP)             /* a SYN's checksum, or one of its lengths, is wrong */ \
    X(DROP_HELD, "steer_drop_held", DROP)                     /* its NF is on the way: the client will send it again */ \
    X(DROP_UNANSWERED, "steer_drop_unanswered", DROP)         /* an answer was due and does not fit into its place */ \
    /* … is answered by steer itself, because it … */ \
    X(ANSWER_COOKIE, "steer_answer_cookie", ANSWER)           /* is a SYN that must prove its source address first */ \
    X(ANSWER_RESET, "steer_answer_reset", ANSWER)             /* found no NF, and there can be none: overflow refuse */ \
    /* … goes to a slot, by … */ \
    X(REDIRECT_FLOW, "steer_redirect_flow", REDIRECT)         /* a pinned verdict */ \
    X(REDIRECT_SOLE, "steer_redirect_sole", REDIRECT)         /* its service's only slot (isolation none) */ \
    X(REDIRECT_BOUND, "steer_redirect_bound", REDIRECT)       /* a binding */ \
    X(REDIRECT_ASSIGNED, "steer_redirect_assigned", REDIRECT) /* a binding made for this very frame */ \
    X(REDIRECT_ICMP, "steer_redirect_icmp", REDIRECT)         /* the packet that the ICMP error quotes */

/* egress: exactly one a frame of a slot, counted for all and for the slot. */
#define ONVM_EGRESS_OUTCOMES(X) \
    X(SENT, "egress_sent", SEND)                              /* buffers out: the kernel may have merged segments */ \
    X(NOT_BOUND, "egress_drop_not_bound", VIOLATION)          /* the slot has no client */ \
    X(NOT_IP, "egress_drop_not_ip", VIOLATION) \
    X(MALFORMED, "egress_drop_malformed", VIOLATION) \
    X(FRAGMENT, "egress_drop_fragment", VIOLATION) \
    X(PROTOCOL, "egress_drop_protocol", VIOLATION)            /* neither TCP nor UDP */ \
    X(SOURCE, "egress_drop_source", VIOLATION)                /* source address or port is not the service's */ \
    X(DESTINATION, "egress_drop_destination", VIOLATION)      /* destination is not the slot's client */ \
    X(LENGTH, "egress_drop_length", VIOLATION)                /* longer than the port's MTU, or than its header says */ \
    X(LINK, "egress_drop_link", REFUSE)                       /* no client came by this MAC address of ours, or VLAN */ \
    X(RATE, "egress_drop_rate", REFUSE)                       /* over the slot's token bucket */ \
    X(NO_ROUTE, "egress_drop_no_route", REFUSE)               /* the kernel's routes lead to none of our ports */

/* X(C name, name users see). Events, and frames that belong to no slot. */
#define ONVM_EVENT_COUNTERS(X) \
    X(ASSIGNED, "steer_assigned")                       /* an idle slot got its client */ \
    X(ASSIGNED_SHARED, "steer_assigned_shared")         /* a running slot got one more client */ \
    X(RACE_LOST, "steer_race_lost")                     /* another CPU bound the client first; the slot went back */ \
    X(STALE_IDLE, "steer_stale_idle")                   /* the idle queue held a slot that is not idle any more */ \
    X(CONFIRMED, "steer_confirmed")                     /* a client finished its slot's first handshake */ \
    X(EVENT_LOST, "event_lost")                         /* the ring buffer to the manager was full */ \
    X(DELIVERED, "deliver_delivered")                   /* handed to the NF's socket; its own statistics count on */ \
    X(DELIVER_NO_SLOT, "deliver_drop_no_slot")          /* the device belongs to no slot */ \
    X(DELIVER_NO_SOCKET, "deliver_drop_no_socket")      /* the slot has no socket */ \
    X(EGRESS_NO_SLOT, "egress_drop_no_slot")            /* the device belongs to no slot */

/* Of one slot, besides its egress outcomes. Same words, same meaning. */
#define ONVM_SLOT_COUNTERS(X) \
    X(STEERED, "steered")                               /* frames that steer sent to the slot */ \
    X(STEERED_BYTES, "steered_bytes") \
    X(DELIVERED, "delivered") \
    X(NO_SOCKET, "deliver_drop_no_socket") \
    X(SENT_BYTES, "sent_bytes")

/* Of one service. */
#define ONVM_SERVICE_COUNTERS(X) \
    X(ASSIGNED, "assigned") \
    X(SHARED, "shared") \
    X(REFUSED, "refused") \
    X(DROPPED, "dropped") \
    X(HALF_OPEN, "half_open_refused") \
    X(PREFIX_LIMIT, "prefix_limit_refused") \
    X(OVERLOAD, "overload_dropped") \
    X(CONFIRMED, "confirmed") \
    X(DEAD_SLOT, "dead_slot") \
    X(CHECKSUM, "checksum_dropped") \
    X(COOKIES_SENT, "cookies_sent") \
    X(COOKIES_ACCEPTED, "cookies_accepted") \
    X(COOKIES_INVALID, "cookies_invalid") \
    X(HELD, "held")

#define ONVM_ENUMERATOR(name, ...) ONVM_COUNTER_##name,
#define ONVM_EGRESS_ENUMERATOR(name, ...) ONVM_COUNTER_EGRESS_##name,
enum {
    ONVM_STEER_OUTCOMES(ONVM_ENUMERATOR)
    ONVM_EVENT_COUNTERS(ONVM_ENUMERATOR)
    ONVM_EGRESS_OUTCOMES(ONVM_EGRESS_ENUMERATOR)
    ONVM_COUNTER_COUNT
};
#undef ONVM_EGRESS_ENUMERATOR
#undef ONVM_ENUMERATOR

#define ONVM_ENUMERATOR(name, ...) ONVM_SLOT_COUNTER_##name,
enum {
    ONVM_SLOT_COUNTERS(ONVM_ENUMERATOR)
    ONVM_EGRESS_OUTCOMES(ONVM_ENUMERATOR)
    ONVM_SLOT_COUNTER_COUNT
};
#undef ONVM_ENUMERATOR

#define ONVM_ENUMERATOR(name, text) ONVM_SERVICE_COUNTER_##name,
enum { ONVM_SERVICE_COUNTERS(ONVM_ENUMERATOR) ONVM_SERVICE_COUNTER_COUNT };
#undef ONVM_ENUMERATOR

/* An outcome as the programs return it: its counter, its verdict, and for egress the slot's counter, in a byte each. */
#define ONVM_ENUMERATOR(name, text, verdict) \
    ONVM_OUTCOME_##name = ONVM_COUNTER_##name | ONVM_VERDICT_##verdict << 8,
enum { ONVM_STEER_OUTCOMES(ONVM_ENUMERATOR) };
#undef ONVM_ENUMERATOR
#define ONVM_ENUMERATOR(name, text, verdict) \
    ONVM_OUTCOME_EGRESS_##name = ONVM_COUNTER_EGRESS_##name | ONVM_VERDICT_##verdict << 8 | ONVM_SLOT_COUNTER_##name << 16,
enum { ONVM_EGRESS_OUTCOMES(ONVM_ENUMERATOR) };
#undef ONVM_ENUMERATOR
_Static_assert(ONVM_COUNTER_COUNT <= 256 && ONVM_SLOT_COUNTER_COUNT <= 256, "a byte each");

static inline __attribute__((always_inline)) unsigned onvm_outcome_counter(unsigned outcome) { return outcome & 0xff; }
static inline __attribute__((always_inline)) unsigned onvm_outcome_verdict(unsigned outcome) {
    return outcome >> 8 & 0xff;
}
static inline __attribute__((always_inline)) unsigned onvm_outcome_slot_counter(unsigned outcome) {
    return outcome >> 16;
}

#ifndef __bpf__
/* The names, for the manager. NULL past the end. */
#define ONVM_NAME(name, text, ...) text,
static inline const char *onvm_slot_counter_name(unsigned index) {
    static const char *const names[] = {ONVM_SLOT_COUNTERS(ONVM_NAME) ONVM_EGRESS_OUTCOMES(ONVM_NAME)};
    return index < ONVM_SLOT_COUNTER_COUNT ? names[index] : 0;
}
static inline const char *onvm_counter_name(unsigned index) {
    static const char *const names[] = {
        ONVM_STEER_OUTCOMES(ONVM_NAME) ONVM_EVENT_COUNTERS(ONVM_NAME) ONVM_EGRESS_OUTCOMES(ONVM_NAME)};
    return index < ONVM_COUNTER_COUNT ? names[index] : 0;
}
static inline const char *onvm_service_counter_name(unsigned index) {
    static const char *const names[] = {ONVM_SERVICE_COUNTERS(ONVM_NAME)};
    return index < ONVM_SERVICE_COUNTER_COUNT ? names[index] : 0;
}
#undef ONVM_NAME
#endif
