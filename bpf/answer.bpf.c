/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * tc on a port whose driver loses XDP_TX (a veth whose peer has neither an XDP program nor GRO: veth_xdp_xmit of
 * drivers/net/veth.c): sends steer's answers back by the way they came. Steer marks them with XDP metadata, which no
 * packet can bring along; everything else goes on to other filters and to the kernel's stack.
 */
#include "include/onvm_gate_types.h"
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc") int answer(struct __sk_buff *skb) {
    __u32 *mark = (void *)(long)skb->data_meta;
    if ((void *)(mark + 1) > (void *)(long)skb->data || *mark != ONVM_ANSWER_MAGIC) return TC_ACT_UNSPEC;
    return bpf_redirect(skb->ifindex, 0);
}

char LICENSE[] SEC("license") = "GPL";
