// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What comes in from the network: ingress of each device that leads out of the node. What is forged is dropped; all
 * else is left to whatever else is on the device.
 */
#include "lib/forged.h"

SEC("tc")
int cil_from_netdev(struct __sk_buff *skb)
{
	struct packet p = {};

	if (!read_addresses(skb, &p) || !is_ours(&p, current_epoch()))
		return pass();
	return drop_forged(skb, &p);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
