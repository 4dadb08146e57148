// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a pod sends, seen where it enters the node: ingress of the device on the node's side. Loaded once
 * a node; every pod's device has a link to this one program.
 */
#define FINDS_BACKENDS
#include "lib/decide.h"

SEC("tc")
int cil_from_container(struct __sk_buff *skb)
{
	return handle_packet(skb, FROM_POD);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
