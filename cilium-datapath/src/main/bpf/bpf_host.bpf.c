// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the node itself or the outside sends to a pod: ingress of cilium_net, the twin of the device that
 * the pods' prefixes are routed to.
 */
#define MEETS_TRANSLATED
#include "lib/decide.h"

SEC("tc")
int cil_from_host(struct __sk_buff *skb)
{
	return handle_packet(skb, FROM_NODE);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
