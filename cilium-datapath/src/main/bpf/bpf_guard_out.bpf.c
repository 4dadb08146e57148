// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What goes out to the network, with a host firewall: egress of each device that leads out of the node. What the node
 * itself sends is asked of its policy. What it passes on for others, also under its own address, has no socket here.
 */
#include "lib/forged.h"
#include "lib/guard.h"

SEC("tc")
int cil_to_netdev(struct __sk_buff *skb)
{
	struct packet p = {};

	if (!skb->sk || !read_addresses(skb, &p) || !is_node_address(&p.source, p.family, current_epoch()))
		return pass();
	return guard(skb, TO_NETWORK);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
