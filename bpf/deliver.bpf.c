/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * XDP on a slot's NF end: what steer sent to the host end arrives here and goes into the NF's socket.
 * A frame that finds no room in the socket is counted there (XDP_STATISTICS).
 *
 * What the NF's stack cannot know of a connection whose SYN the gate answered goes in front of the frame, as XDP metadata:
 * that lies right before the packet in the socket's memory, where no byte of a packet ever does. It is written here and
 * not by steer because metadata does not survive every way to this device (generic mode).
 */
#include "include/onvm_gate.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} xsks SEC(".maps");

enum { TCP_PSH = 8 };

/* For some seconds after a slot got a client, cookies may come back that steer, which knows its client, lets pass. */
static __noinline void add_facts(struct xdp_md *context, struct onvm_slot *slot) {
    __u64 until = slot->gate_until, now = bpf_ktime_get_coarse_ns();
    if (now >= until) {
        __sync_val_compare_and_swap(&slot->gate_until, until, 0);
        return;
    }
    struct packet packet = {};
    if (parse_frame(context, &packet) != PARSED || !may_return_cookie(&packet)) return;
    __u64 cookie = returned_cookie(&packet, now);
    __u32 service = slot->service;
    struct onvm_gate *gate = bpf_map_lookup_elem(&gates, &service);
    if (!(__u32)cookie || !gate || bpf_xdp_adjust_meta(context, -(int)sizeof(struct onvm_gate_facts))) return;
    struct onvm_gate_facts *facts = (void *)(long)context->data_meta;
    if ((void *)(facts + 1) > (void *)(long)context->data) return;
    *facts = (struct onvm_gate_facts){
        .magic = ONVM_GATE_FACTS_MAGIC,
        .sequence = packet.sequence,
        .acknowledgment = packet.acknowledgment,
        .timestamp_offset = cookie >> 32,
        .segment_size = cookie,
        .shift = gate->shift,
    };
    struct onvm_gate_state *state = gate_state_of(service);
    /* The handshake's own ACK has no data to push: each cookie is counted as answered once. */
    if (state && !(packet.tcp_flags & TCP_PSH)) __sync_fetch_and_add(&state->answered, 1);
}

SEC("xdp.frags") int deliver(struct xdp_md *context) {
    __u32 device = context->ingress_ifindex;
    __u32 *slot = bpf_map_lookup_elem(&slot_devices, &device);
    if (!slot) {
        count(ONVM_COUNTER_DELIVER_NO_SLOT);
        return XDP_DROP;
    }
    struct onvm_slot *element = bpf_map_lookup_elem(&slots, slot);
    if (element && element->gate_until) add_facts(context, element);
    int verdict = bpf_redirect_map(&xsks, *slot, XDP_DROP);
    if (verdict != XDP_REDIRECT) {
        count(ONVM_COUNTER_DELIVER_NO_SOCKET);
        count_slot(*slot, ONVM_SLOT_COUNTER_NO_SOCKET, 1);
        return XDP_DROP;
    }
    count(ONVM_COUNTER_DELIVERED);
    count_slot(*slot, ONVM_SLOT_COUNTER_DELIVERED, 1);
    return verdict;
}

char LICENSE[] SEC("license") = "GPL";
