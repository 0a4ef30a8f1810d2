/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Every outcome of a frame has a counter of its own; no counter is computed from another.
 * X(C name, name users see): one list gives the enum for the programs and the names for the manager.
 */
#pragma once

/* Counted once a frame (steer: exactly one of pass, drop or redirect), or once an event. */
#define ONVM_COUNTERS(X) \
    /* steer: the frame went to the kernel's stack, because it … */ \
    X(PASS_NOT_IP, "steer_pass_not_ip")                 /* is ARP, LLDP, doubly tagged, … */ \
    X(PASS_NOT_UNICAST, "steer_pass_not_unicast")       /* has a group MAC address */ \
    X(PASS_MALFORMED, "steer_pass_malformed")           /* ends inside a header, or contradicts itself */ \
    X(PASS_FIRST_FRAGMENT, "steer_pass_first_fragment") \
    X(PASS_LATER_FRAGMENT, "steer_pass_later_fragment") \
    X(PASS_EXTENSION, "steer_pass_extension")           /* has more or other IPv6 extension headers than we follow */ \
    X(PASS_PROTOCOL, "steer_pass_protocol")             /* is neither TCP, UDP nor an ICMP error */ \
    X(PASS_FLOW, "steer_pass_flow")                     /* has a pinned verdict: pass */ \
    X(PASS_NO_SERVICE, "steer_pass_no_service")         /* is for no endpoint of ours */ \
    X(PASS_OTHER_HOST, "steer_pass_other_host")         /* matched a wildcard, but has another host's MAC address */ \
    X(PASS_ICMP_UNMATCHED, "steer_pass_icmp_unmatched") /* is an ICMP error about a packet that is not ours */ \
    X(PASS_NO_BINDING, "steer_pass_no_binding")         /* is no SYN and has no binding: the stack answers RST */ \
    X(PASS_DEAD_SLOT, "steer_pass_dead_slot")           /* belongs to an NF that is gone: the stack answers RST */ \
    X(PASS_REFUSED, "steer_pass_refused")               /* found no idle NF: overflow refuse */ \
    X(PASS_HALF_OPEN, "steer_pass_half_open")           /* comes from a prefix with too many half-open slots */ \
    X(PASS_NO_DEVICE, "steer_pass_no_device")           /* is for a slot without a device */ \
    /* steer: the frame was dropped, because … */ \
    X(DROP_FLOW, "steer_drop_flow")                     /* it has a pinned verdict: drop */ \
    X(DROP_OVERFLOW, "steer_drop_overflow")             /* no NF was idle: overflow drop */ \
    X(DROP_OVERLOAD, "steer_drop_overload")             /* the service is marked as overloaded */ \
    X(DROP_BINDING, "steer_drop_binding")               /* the binding could not be stored */ \
    /* steer: the frame went to a slot, by … */ \
    X(REDIRECT_FLOW, "steer_redirect_flow")             /* a pinned verdict */ \
    X(REDIRECT_SOLE, "steer_redirect_sole")             /* its service's only slot (isolation none) */ \
    X(REDIRECT_BOUND, "steer_redirect_bound")           /* a binding */ \
    X(REDIRECT_ASSIGNED, "steer_redirect_assigned")     /* a binding made for this very frame */ \
    X(REDIRECT_ICMP, "steer_redirect_icmp")             /* the packet that the ICMP error quotes */ \
    /* steer: events */ \
    X(ASSIGNED, "steer_assigned")                       /* an idle slot got its client */ \
    X(ASSIGNED_SHARED, "steer_assigned_shared")         /* a running slot got one more client */ \
    X(RACE_LOST, "steer_race_lost")                     /* another CPU bound the client first; the slot went back */ \
    X(STALE_IDLE, "steer_stale_idle")                   /* the idle queue held a slot that is not idle any more */ \
    X(CONFIRMED, "steer_confirmed")                     /* a client finished its slot's first handshake */ \
    X(EVENT_LOST, "event_lost")                         /* the ring buffer to the manager was full */ \
    /* deliver */ \
    X(DELIVERED, "deliver_delivered")                   /* handed to the NF's socket; its own statistics count on */ \
    X(DELIVER_NO_SLOT, "deliver_drop_no_slot")          /* the device belongs to no slot */ \
    X(DELIVER_NO_SOCKET, "deliver_drop_no_socket")      /* the slot has no socket */ \
    /* egress */ \
    X(SENT, "egress_sent") \
    X(EGRESS_NO_SLOT, "egress_drop_no_slot")            /* the device belongs to no slot */ \
    X(EGRESS_NOT_BOUND, "egress_drop_not_bound")        /* the slot has no client */ \
    X(EGRESS_NOT_IP, "egress_drop_not_ip") \
    X(EGRESS_MALFORMED, "egress_drop_malformed") \
    X(EGRESS_FRAGMENT, "egress_drop_fragment") \
    X(EGRESS_PROTOCOL, "egress_drop_protocol")          /* neither TCP nor UDP */ \
    X(EGRESS_SOURCE, "egress_drop_source")              /* source address or port is not the service's */ \
    X(EGRESS_DESTINATION, "egress_drop_destination")    /* destination is not the slot's client */ \
    X(EGRESS_LINK, "egress_drop_link")                  /* MAC addresses or VLAN are not the client's */ \
    X(EGRESS_RATE, "egress_drop_rate")                  /* over the slot's token bucket */ \
    X(EGRESS_NO_ROUTE, "egress_drop_no_route")          /* `return: route` found no way by one of our ports */

/* Of one slot. Same words, same meaning. */
#define ONVM_SLOT_COUNTERS(X) \
    X(STEERED, "steered")                               /* frames that steer sent to the slot */ \
    X(STEERED_BYTES, "steered_bytes") \
    X(DELIVERED, "delivered") \
    X(NO_SOCKET, "deliver_drop_no_socket") \
    X(SENT, "sent")                                     /* buffers out: the kernel may have merged segments */ \
    X(SENT_BYTES, "sent_bytes") \
    X(NOT_BOUND, "egress_drop_not_bound") \
    X(NOT_IP, "egress_drop_not_ip") \
    X(MALFORMED, "egress_drop_malformed") \
    X(FRAGMENT, "egress_drop_fragment") \
    X(PROTOCOL, "egress_drop_protocol") \
    X(SOURCE, "egress_drop_source") \
    X(DESTINATION, "egress_drop_destination") \
    X(LINK, "egress_drop_link") \
    X(RATE, "egress_drop_rate") \
    X(NO_ROUTE, "egress_drop_no_route")

/* Of one service. */
#define ONVM_SERVICE_COUNTERS(X) \
    X(ASSIGNED, "assigned") \
    X(SHARED, "shared") \
    X(REFUSED, "refused") \
    X(DROPPED, "dropped") \
    X(HALF_OPEN, "half_open_refused") \
    X(OVERLOAD, "overload_dropped") \
    X(CONFIRMED, "confirmed") \
    X(DEAD_SLOT, "dead_slot")

#define ONVM_ENUMERATOR(name, text) ONVM_COUNTER_##name,
enum { ONVM_COUNTERS(ONVM_ENUMERATOR) ONVM_COUNTER_COUNT };
#undef ONVM_ENUMERATOR

#define ONVM_ENUMERATOR(name, text) ONVM_SLOT_COUNTER_##name,
enum { ONVM_SLOT_COUNTERS(ONVM_ENUMERATOR) ONVM_SLOT_COUNTER_COUNT };
#undef ONVM_ENUMERATOR

#define ONVM_ENUMERATOR(name, text) ONVM_SERVICE_COUNTER_##name,
enum { ONVM_SERVICE_COUNTERS(ONVM_ENUMERATOR) ONVM_SERVICE_COUNTER_COUNT };
#undef ONVM_ENUMERATOR

#ifndef __bpf__
/* The names, for the manager. NULL past the end. */
#define ONVM_NAME(name, text) text,
static inline const char *onvm_counter_name(unsigned index) {
    static const char *const names[] = {ONVM_COUNTERS(ONVM_NAME)};
    return index < ONVM_COUNTER_COUNT ? names[index] : 0;
}
static inline const char *onvm_slot_counter_name(unsigned index) {
    static const char *const names[] = {ONVM_SLOT_COUNTERS(ONVM_NAME)};
    return index < ONVM_SLOT_COUNTER_COUNT ? names[index] : 0;
}
static inline const char *onvm_service_counter_name(unsigned index) {
    static const char *const names[] = {ONVM_SERVICE_COUNTERS(ONVM_NAME)};
    return index < ONVM_SERVICE_COUNTER_COUNT ? names[index] : 0;
}
#undef ONVM_NAME
#endif
