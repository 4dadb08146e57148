// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What the proxy sends, to either end of a flow that goes through it: ingress of cilium_proxy, the node's
 * end of the device pair that leads to the proxy's namespace.
 */
#include "lib/decide.h"

SEC("tc")
int cil_from_proxy(struct __sk_buff *skb)
{
	return handle_packet(skb, FROM_PROXY);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
