// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* As bpf_netdev, with a host firewall: what a network sends to the node itself is asked of the node's policy, too. */
#include "lib/forged.h"
#include "lib/guard.h"

SEC("tc")
int cil_guard_in(struct __sk_buff *skb)
{
	struct packet p = {};
	__u64 epoch;

	if (!read_addresses(skb, &p))
		return pass();
	epoch = current_epoch();
	if (is_ours(&p, epoch))
		return drop_forged(skb, &p);
	return is_node_address(&p.destination, p.family, epoch) ? guard(skb, FROM_NETWORK) : pass();
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
