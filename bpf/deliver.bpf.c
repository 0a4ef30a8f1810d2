/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * XDP on a slot's NF end: what steer sent to the host end arrives here and goes into the NF's socket.
 * A frame that finds no room in the socket is counted there (XDP_STATISTICS).
 */
#include "include/onvm_maps.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} xsks SEC(".maps");

SEC("xdp.frags") int deliver(struct xdp_md *context) {
    __u32 device = context->ingress_ifindex;
    __u32 *slot = bpf_map_lookup_elem(&slot_devices, &device);
    if (!slot) {
        count(ONVM_COUNTER_DELIVER_NO_SLOT);
        return XDP_DROP;
    }
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
