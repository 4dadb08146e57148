// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What other nodes send to pods of this one, and to the node itself: ingress of the tunnel's device. */
#include "lib/decide.h"

SEC("tc")
int cil_from_overlay(struct __sk_buff *skb)
{
	int reason = read_tunnel_key(skb);

	return reason ? handle_unreadable(skb, reason, FROM_OVERLAY) : handle_packet(skb, FROM_OVERLAY);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
